import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZFrame;
import org.zeromq.ZMQ;
import org.zeromq.ZMsg;

/** A socket of JeroMQ at the disposal of the test; ../doc.go says how it is used. */
public final class Peer {
    private static final HexFormat HEX = HexFormat.of();
    private static final String END = "";

    private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final SocketType type;
    private final ZMQ.Socket socket;

    private Peer(ZContext context, String role) {
        type = SocketType.valueOf(role.toUpperCase());
        socket = context.createSocket(type);
        socket.setLinger(0);
        socket.setHWM(0);
        socket.setReconnectIVL(50);
        socket.setHeartbeatIvl(100);
        socket.setHeartbeatTimeout(20_000);
        socket.setHeartbeatTtl(20_000);
        socket.setReceiveTimeOut(1);
        secure(System.getenv());
    }

    private void secure(Map<String, String> environment) {
        String end = environment.get("CURVE");
        if (end == null) return;
        socket.setCurvePublicKey(environment.get("CURVE_PUBLIC").getBytes(StandardCharsets.US_ASCII));
        socket.setCurveSecretKey(environment.get("CURVE_SECRET").getBytes(StandardCharsets.US_ASCII));
        if (end.equals("server")) socket.setCurveServer(true);
        else socket.setCurveServerKey(environment.get("CURVE_SERVER").getBytes(StandardCharsets.US_ASCII));
    }

    private void join(String mode, List<String> addresses) {
        List<String> ready = new ArrayList<>();
        for (String address : addresses) {
            boolean done = mode.equals("bind") ? socket.bind(address) : socket.connect(address);
            if (!done) throw new IllegalStateException(mode + " " + address + ": " + socket.errno());
            ready.add(quote(socket.getLastEndpoint()));
        }
        out.printf("{\"ready\": [%s], \"version\": \"JeroMQ %s\"}%n", String.join(", ", ready),
                version());
        out.flush();
    }

    private static String version() {
        var properties = new Properties();
        try (var in = ZMQ.class.getResourceAsStream("/META-INF/maven/org.zeromq/jeromq/pom.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return properties.getProperty("version");
    }

    private static String quote(String s) {
        return '"' + s + '"';
    }

    /** Hands the lines of the input to the one thread that may use the socket. */
    private void readInput() {
        try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) lines.add(line);
        } catch (IOException e) {
            e.printStackTrace();
        }
        lines.add(END);
    }

    private void serve() throws InterruptedException {
        while (true) {
            // Where nothing can be received, to wait for a line is all there is to do.
            String line = type == SocketType.PUB ? lines.poll(1, TimeUnit.SECONDS) : lines.poll();
            for (; line != null; line = lines.poll()) {
                if (line.equals(END)) return;
                obey(line.split(" "));
            }
            if (type != SocketType.PUB) printMessages();
        }
    }

    private void obey(String[] words) {
        if (words[0].equals("send")) {
            var message = new ZMsg();
            for (int i = 1; i < words.length; i++) message.add(decode(words[i]));
            message.send(socket);
            return;
        }
        boolean on = words[0].equals("subscribe");
        byte[] prefix = decode(words[1]);
        if (type == SocketType.XSUB) {
            byte[] request = new byte[1 + prefix.length];
            request[0] = (byte) (on ? 1 : 0);
            System.arraycopy(prefix, 0, request, 1, prefix.length);
            socket.send(request);
        } else if (on) {
            socket.subscribe(prefix);
        } else {
            socket.unsubscribe(prefix);
        }
    }

    private static byte[] decode(String word) {
        return HEX.parseHex(word, 1, word.length());
    }

    private void printMessages() {
        for (ZMsg message = ZMsg.recvMsg(socket); message != null; message = ZMsg.recvMsg(socket, ZMQ.DONTWAIT)) {
            out.println(message.stream().map(ZFrame::getData).map(HEX::formatHex).map(Peer::quote)
                    .collect(Collectors.joining(", ", "{\"message\": [", "]}")));
        }
        out.flush();
    }

    public static void main(String[] args) throws InterruptedException {
        try (var context = new ZContext()) {
            var peer = new Peer(context, args[0]);
            peer.join(args[1], List.of(args).subList(2, args.length));
            var reader = new Thread(peer::readInput);
            reader.setDaemon(true);
            reader.start();
            peer.serve();
        }
    }
}
