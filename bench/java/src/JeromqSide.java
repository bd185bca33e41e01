import java.io.IOException;
import java.time.Instant;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

/**
 * JeroMQ, with Jackson, as in a program without hermes.
 *
 * <pre>
 * JeromqSide proxy    in=ADDRESS out=ADDRESS
 * JeromqSide publish  in=ADDRESS  mode=typed|raw
 * JeromqSide receive  out=ADDRESS mode=typed|raw
 * </pre>
 */
final class JeromqSide {
    private JeromqSide() {}

    public static void main(String[] words) throws Exception {
        String role = Side.arguments(words);
        try (ZContext context = new ZContext()) {
            context.setLinger(1000);
            if (role.equals("proxy")) proxy(context);
            else if (role.equals("publish")) publish(context);
            else receive(context);
        }
    }

    /** A socket without high-water marks. */
    private static ZMQ.Socket socket(ZContext context, SocketType type) {
        ZMQ.Socket made = context.createSocket(type);
        made.setHWM(0);
        return made;
    }

    private static void proxy(ZContext context) throws IOException {
        ZMQ.Socket in = socket(context, SocketType.XSUB);
        ZMQ.Socket out = socket(context, SocketType.XPUB);
        in.bind(Side.setting("in", ""));
        out.bind(Side.setting("out", ""));
        Thread thread = new Thread(() -> ZMQ.proxy(in, out, null));
        thread.setDaemon(true);
        thread.start();
        Side.waitForEnd();
        Runtime.getRuntime().halt(0);
    }

    private static void publish(ZContext context) throws Exception {
        ZMQ.Socket pub = socket(context, SocketType.XPUB);
        pub.setSndHWM(100_000);
        pub.setXpubNoDrop(true);
        pub.connect(Side.setting("in", ""));
        pub.recv(); // the first subscription
        String origin = '"' + Side.setting("origin", "p000") + '"';
        Tick.Writer writer = new Tick.Writer();
        String probe = Tick.write(Tick.PROBE);
        Runnable probes = () -> send(pub, Side.topic(0), origin, probe);
        if (Side.is("raw")) Side.publishAll(n -> send(pub, Side.topic(n), origin, writer.text(n)), 1, probes);
        else Side.publishAll(n -> send(pub, Side.topic(n), origin, Tick.write(Tick.of(n))), 1, probes);
        Side.waitForEnd();
    }

    private static void send(ZMQ.Socket pub, String topic, String origin, String data) {
        pub.sendMore('"' + topic + '"');
        pub.sendMore(origin);
        pub.sendMore(data);
        pub.send(now());
    }

    /** The time in seconds. */
    private static String now() {
        Instant now = Instant.now();
        return Double.toString(now.getEpochSecond() + now.getNano() / 1e9);
    }

    private static void receive(ZContext context) throws IOException {
        ZMQ.Socket sub = socket(context, SocketType.SUB);
        sub.setReceiveTimeOut(Side.SILENCE_MS);
        sub.subscribe("");
        sub.connect(Side.setting("out", ""));
        if (Side.is("raw")) {
            Tick.Writer writer = new Tick.Writer();
            Side.Check<String> check = new Side.Check<>(Tick.write(Tick.PROBE), writer::text);
            receive(sub, check, text -> text);
        } else {
            receive(sub, new Side.Check<>(Tick.PROBE, Tick::of), Tick::read);
        }
        Side.waitForEnd();
    }

    private static <T> void receive(ZMQ.Socket sub, Side.Check<T> check, java.util.function.Function<String, T> decode) {
        boolean done = false;
        while (!done) {
            String topic = sub.recvStr();
            if (topic == null) break;
            String origin = sub.recvStr();
            T data = decode.apply(sub.recvStr());
            double ts = Double.parseDouble(sub.recvStr());
            done = check.take(inner(topic), inner(origin), ts > 0 ? data : null);
        }
        check.print();
    }

    /** What is between the quotation marks. */
    private static String inner(String json) {
        return json.substring(1, json.length() - 1);
    }
}
