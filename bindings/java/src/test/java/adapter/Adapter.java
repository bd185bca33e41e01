package adapter;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.github.hermeszmq.Envelope;
import io.github.hermeszmq.HermesException;
import io.github.hermeszmq.Node;
import io.github.hermeszmq.Component;
import io.github.hermeszmq.PostOffice;
import io.github.hermeszmq.Publisher;
import io.github.hermeszmq.Receiver;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Takes the steps of the conformance scenarios: bindings/conformance/README.md describes them. */
public final class Adapter {
    /** The default timeout of a step. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    /** How long all members of a cluster may take to be there, compilers and JVMs included. */
    private static final Duration MEETING = Duration.ofMinutes(5);

    private static final Set<String> HAS =
            Set.of("text", "raw text", "restart", "close", "wait", "names", "events", "nul");
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private Adapter() {}

    public static void main(String[] args) throws Exception {
        boolean well = args[0].equals("--cluster")
                ? new Cluster(args[3], Integer.parseInt(args[4]), args[5].split(",")).join(args[1], args[2])
                : runScenarios(args);
        System.exit(well ? 0 : 1);
    }

    private static boolean runScenarios(String[] args) throws Exception {
        JsonObject document = JsonParser.parseString(Files.readString(Path.of(args[0]))).getAsJsonObject();
        boolean well = true;
        for (JsonElement scenario : document.getAsJsonArray("scenarios")) {
            String name = scenario.getAsJsonObject().get("name").getAsString();
            if (args.length > 1 && !args[1].equals(name)) continue;
            JsonObject line = runScenario(document, scenario.getAsJsonObject());
            well &= line.get("ok").getAsBoolean();
            OUT.println(line);
        }
        return well;
    }

    private static JsonObject runScenario(JsonObject document, JsonObject scenario) {
        JsonObject line = new JsonObject();
        line.addProperty("runtime", "java");
        line.add("scenario", scenario.get("name"));
        line.addProperty("ok", true);
        line.addProperty("why", "");
        for (JsonElement need : array(scenario, "needs")) {
            if (!HAS.contains(need.getAsString())) {
                line.add("lacks", need);
                return line;
            }
        }
        Run run = new Run();
        try {
            if (scenario.has("begin")) {
                String beginning = scenario.get("begin").getAsString();
                run.take(document.getAsJsonObject("beginnings").getAsJsonArray(beginning), 0);
            }
            run.take(scenario.getAsJsonArray("steps"), 0);
        } catch (Exception error) {
            line.addProperty("ok", false);
            line.addProperty("why", String.valueOf(error.getMessage()));
        }
        run.close();
        return line;
    }

    private static JsonArray array(JsonObject object, String key) {
        return object.has(key) ? object.getAsJsonArray(key) : new JsonArray();
    }

    private static String text(JsonObject step, String key) {
        JsonElement value = step.get(key);
        return value == null || value.isJsonNull() ? null : value.getAsString();
    }

    private static Duration timeout(JsonObject step) {
        return step.has("timeout") ? Duration.ofMillis(step.get("timeout").getAsLong()) : PATIENCE;
    }

    /** Something did not come as expected. */
    private static final class WrongException extends Exception {
        private static final long serialVersionUID = 1;

        WrongException(String text) {
            super(text);
        }
    }

    /** An error with the place of the step. */
    private static final class StepException extends Exception {
        private static final long serialVersionUID = 1;
        private final String code;

        StepException(String place, Exception error) {
            super(place + error.getMessage(), error);
            code = codeOf(error);
        }
    }

    private static String codeOf(Exception error) {
        if (error instanceof StepException step) return step.code;
        return error instanceof HermesException hermes ? hermes.code().name() : null;
    }

    /** The time is up, which the binding says by an empty result. */
    private static final class TimeIsUp extends Exception {
        private static final long serialVersionUID = 1;
    }

    /** Whether both are the same JSON. */
    private static boolean same(JsonElement one, JsonElement other) {
        if (isNumber(one) && isNumber(other)) {
            return number(one).compareTo(number(other)) == 0;
        }
        if (one.isJsonArray() && other.isJsonArray()) {
            JsonArray a = one.getAsJsonArray();
            JsonArray b = other.getAsJsonArray();
            if (a.size() != b.size()) return false;
            for (int i = 0; i < a.size(); i++) if (!same(a.get(i), b.get(i))) return false;
            return true;
        }
        if (one.isJsonObject() && other.isJsonObject()) {
            JsonObject b = other.getAsJsonObject();
            if (one.getAsJsonObject().size() != b.size()) return false;
            for (Map.Entry<String, JsonElement> member : one.getAsJsonObject().entrySet()) {
                if (!b.has(member.getKey()) || !same(member.getValue(), b.get(member.getKey()))) return false;
            }
            return true;
        }
        return one.equals(other);
    }

    private static boolean isNumber(JsonElement element) {
        return element instanceof JsonPrimitive primitive && primitive.isNumber();
    }

    private static BigDecimal number(JsonElement element) {
        return new BigDecimal(element.getAsString());
    }

    /** Whether {@code got} contains everything in {@code want}. */
    private static boolean contains(JsonElement want, JsonElement got) {
        if (want.isJsonObject()) {
            if (!got.isJsonObject()) return false;
            for (Map.Entry<String, JsonElement> member : want.getAsJsonObject().entrySet()) {
                JsonElement value = got.getAsJsonObject().get(member.getKey());
                if (value == null || !contains(member.getValue(), value)) return false;
            }
            return true;
        }
        if (want.isJsonArray()) {
            if (!got.isJsonArray() || want.getAsJsonArray().size() != got.getAsJsonArray().size()) return false;
            for (int i = 0; i < want.getAsJsonArray().size(); i++) {
                if (!contains(want.getAsJsonArray().get(i), got.getAsJsonArray().get(i))) return false;
            }
            return true;
        }
        return same(want, got);
    }

    /** One run of a scenario: its objects, and a case for each kind of step. */
    private static final class Run {
        private final Map<String, Component> objects = Collections.synchronizedMap(new LinkedHashMap<>());
        private final Map<String, FutureTask<Void>> tasks = new ConcurrentHashMap<>();
        private volatile boolean closing;

        void take(JsonArray steps, int index) throws Exception {
            for (int at = 0; at < steps.size(); at++) {
                JsonObject step = steps.get(at).getAsJsonObject();
                try {
                    takeOne(step, index);
                } catch (Exception error) {
                    throw new StepException("step " + (at + 1) + " (" + text(step, "do") + "): ", error);
                }
            }
        }

        private void takeOne(JsonObject step, int index) throws Exception {
            List<String> allowed = new ArrayList<>();
            if (step.has("error")) {
                JsonElement error = step.get("error");
                if (error.isJsonArray()) for (JsonElement one : error.getAsJsonArray()) allowed.add(one.getAsString());
                else allowed.add(error.getAsString());
            }
            try {
                act(step, index);
            } catch (Exception error) {
                String code = error instanceof TimeIsUp ? "ETIMEOUT" : codeOf(error);
                if (code == null || !allowed.contains(code)) throw error;
                String says = text(step, "says");
                if (says != null && !error.getMessage().contains(says)) {
                    throw new WrongException("the text '" + error.getMessage() + "' has no '" + says + "' in it");
                }
                String hides = text(step, "hides");
                if (hides != null && error.getMessage().contains(hides)) {
                    throw new WrongException("the text '" + error.getMessage() + "' does not hide it");
                }
                return;
            }
            if (!allowed.isEmpty() && !allowed.contains("none")) {
                throw new WrongException("did not fail with " + String.join(" or ", allowed));
            }
        }

        private void act(JsonObject step, int index) throws Exception {
            switch (text(step, "do")) {
                case "repeat" -> {
                    for (int i = 0; i < step.get("times").getAsInt(); i++) take(step.getAsJsonArray("steps"), i);
                }
                case "until" -> until(step, index);
                case "try" -> take(step.getAsJsonArray("steps"), index);
                case "spawn" -> spawn(step, index);
                case "join" -> join(tasks.get(text(step, "on")));
                case "sleep" -> Thread.sleep(step.get("ms").getAsLong());
                case "postoffice" -> add(step, new PostOffice(address(step, "in"), address(step, "out"), address(step, "debug")));
                case "publisher" -> add(step, new Publisher(address(step, "address"), text(step, "name")));
                case "receiver" -> add(step, new Receiver(address(step, "address"), text(step, "name")));
                case "node" -> add(
                        step,
                        new Node(
                                text(step, "name"),
                                (Receiver) component(text(step, "receiver")),
                                (Publisher) component(text(step, "publisher"))));
                case "set" -> on(step).set(text(step, "key"), text(step, "value"));
                case "get" -> {
                    String value = on(step).get(text(step, "key"));
                    if (!value.equals(text(step, "expect"))) throw new WrongException("it is '" + value + "'");
                }
                case "start" -> on(step).start();
                case "stop" -> on(step).stop(timeout(step));
                case "close" -> on(step).close();
                case "wait" -> on(step).awaitStopped(timeout(step));
                case "wait_ready" -> on(step).awaitReady(timeout(step));
                case "subscribe" -> ((Receiver) on(step)).subscribe(text(step, "topic"));
                case "unsubscribe" -> ((Receiver) on(step)).unsubscribe(text(step, "topic"));
                case "accept" -> ((Receiver) on(step)).accept(text(step, "origin"));
                case "publish" -> publish(step, index);
                case "publish_many" -> publishMany(step);
                case "node_publish" -> ((Node) on(step)).publish(text(step, "channel"), data(step, index));
                case "node_run" -> ((Node) on(step)).run();
                case "recv" -> expect(((Receiver) on(step)).receive(timeout(step)).orElseThrow(TimeIsUp::new), step, index);
                case "node_recv" -> expect(((Node) on(step)).receive(timeout(step)).orElseThrow(TimeIsUp::new), step, index);
                case "recv_many" -> receiveMany(step);
                case "each" -> each(step, index);
                case "stats" -> stats(step);
                case "event" -> event(step);
                default -> throw new WrongException("no such step");
            }
        }

        private void until(JsonObject step, int index) throws Exception {
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (true) {
                try {
                    take(step.getAsJsonArray("steps"), index);
                    return;
                } catch (Exception error) {
                    if (closing || System.nanoTime() > end) throw error;
                }
            }
        }

        private void spawn(JsonObject step, int index) {
            FutureTask<Void> task = new FutureTask<>(() -> {
                take(step.getAsJsonArray("steps"), index);
                return null;
            });
            tasks.put(text(step, "as"), task);
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            thread.start();
        }

        private static void join(FutureTask<Void> task) throws Exception {
            try {
                task.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            } catch (TimeoutException late) {
                throw new WrongException("it does not end");
            } catch (ExecutionException failed) {
                throw (Exception) failed.getCause();
            }
        }

        private void add(JsonObject step, Component component) {
            objects.put(text(step, "as"), component);
        }

        private Component on(JsonObject step) {
            return component(text(step, "on"));
        }

        private Component component(String name) {
            return name == null ? null : objects.get(name);
        }

        private String address(JsonObject step, String key) {
            if (!step.has(key) || !step.get(key).isJsonArray()) return text(step, key);
            JsonArray asked = step.getAsJsonArray(key);
            return objects.get(asked.get(0).getAsString()).get(asked.get(1).getAsString());
        }

        private static String data(JsonObject step, int index) {
            if (step.has("text")) return text(step, "text");
            if (!step.has("make")) return step.get("data").toString();
            JsonElement make = step.get("make");
            if (make.isJsonArray()) {
                JsonArray made = make.getAsJsonArray();
                String text = '"' + "x".repeat(made.get(1).getAsInt()) + '"';
                return made.get(0).getAsString().equals("nan") ? "[NaN, " + text + "]" : text;
            }
            return make.getAsString().equals("index") ? Integer.toString(index) : "{nonsense";
        }

        private void publish(JsonObject step, int index) {
            Publisher publisher = (Publisher) on(step);
            if (step.has("traceparent")) {
                publisher.publishTraced(text(step, "topic"), data(step, index), text(step, "traceparent"));
            } else {
                publisher.publish(text(step, "topic"), data(step, index), text(step, "origin"));
            }
        }

        private void publishMany(JsonObject step) {
            List<Publisher.Item> items = new ArrayList<>();
            for (JsonElement one : array(step, "envelopes")) {
                JsonArray item = one.getAsJsonArray();
                String origin = item.get(1).isJsonNull() ? null : item.get(1).getAsString();
                items.add(new Publisher.Item(item.get(0).getAsString(), item.get(2).toString(), origin));
            }
            for (int i = 0; step.has("count") && i < step.get("count").getAsInt(); i++) {
                items.add(new Publisher.Item(text(step, "topic"), Integer.toString(i)));
            }
            ((Publisher) on(step)).publishMany(items);
        }

        private static void expect(Envelope envelope, JsonObject step, int index) throws Exception {
            JsonObject expect = step.has("expect") ? step.getAsJsonObject("expect") : new JsonObject();
            compare(expect, "topic", envelope.topic());
            compare(expect, "origin", envelope.origin());
            compare(expect, "lost", Long.toString(envelope.lost()));
            if (expect.has("traceparent")) {
                JsonElement context = expect.get("traceparent");
                String wanted = context.isJsonNull() ? null : context.getAsString();
                if (!Objects.equals(wanted, envelope.traceparent())) {
                    throw new WrongException("traceparent is " + envelope.traceparent());
                }
            }
            compare(expect, "text", envelope.data());
            if (!expect.has("data") && !expect.has("make")) return;
            String wanted = data(expect, index);
            if (wanted.equals(envelope.data())) return;
            if (!same(JsonParser.parseString(wanted), JsonParser.parseString(envelope.data()))) {
                throw new WrongException("data is " + shortened(envelope.data()));
            }
        }

        private static void compare(JsonObject expect, String key, String value) throws WrongException {
            if (expect.has(key) && !expect.get(key).getAsString().equals(value)) {
                throw new WrongException(key + " is '" + shortened(value) + "'");
            }
        }

        private static String shortened(String text) {
            return text.substring(0, Math.min(200, text.length()));
        }

        private void receiveMany(JsonObject step) throws Exception {
            int count = step.has("count") ? step.get("count").getAsInt() : 0;
            int took = 0;
            do {
                List<Envelope> envelopes =
                        ((Receiver) on(step)).receiveMany(step.get("max").getAsInt(), timeout(step));
                if (envelopes.isEmpty()) throw new TimeIsUp();
                for (Envelope envelope : envelopes) {
                    if (!envelope.topic().equals(text(step, "topic")) || !envelope.data().equals("" + took)) {
                        throw new WrongException("number " + took + " is " + shortened(envelope.toString()));
                    }
                    took++;
                }
            } while (took < count);
        }

        private void each(JsonObject step, int index) throws Exception {
            for (Envelope envelope : (Receiver) on(step)) {
                if (envelope == null) throw new WrongException("an envelope is null");
                take(step.getAsJsonArray("steps"), index);
            }
        }

        private void stats(JsonObject step) throws Exception {
            long end = System.nanoTime() + timeout(step).toNanos();
            while (true) {
                JsonObject stats = JsonParser.parseString(on(step).stats()).getAsJsonObject();
                for (JsonElement one : array(step, "sums")) {
                    List<JsonElement> sum = one.getAsJsonArray().asList();
                    long total = stats.get(sum.get(0).getAsString()).getAsLong();
                    for (JsonElement key : sum.subList(1, sum.size())) total -= stats.get(key.getAsString()).getAsLong();
                    if (total != 0) throw new WrongException(sum.get(0) + " is not the sum of the others in " + stats);
                }
                if (!step.has("expect") || contains(step.get("expect"), stats)) return;
                if (System.nanoTime() > end) throw new WrongException("the counters are " + stats);
                Thread.sleep(10);
            }
        }

        private void event(JsonObject step) throws Exception {
            long end = System.nanoTime() + timeout(step).toNanos();
            String says = step.has("says") ? text(step, "says") : "";
            while (true) {
                Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
                String text = on(step).nextEvent(left).orElseThrow(TimeIsUp::new);
                JsonObject event = JsonParser.parseString(text).getAsJsonObject();
                boolean fits = !step.has("expect") || contains(step.get("expect"), event);
                if (fits && text(event, "text").contains(says)) return;
            }
        }

        void close() {
            closing = true;
            List<Component> components = new ArrayList<>(objects.values());
            Collections.reverse(components);
            components.forEach(Component::close);
        }
    }

    // ---- The cluster

    private static final class Cluster {
        private final String name;
        private final int count;
        private final Map<String, Integer> received = new LinkedHashMap<>();
        private final Set<String> heard = new HashSet<>();
        private final Set<String> complete = new HashSet<>();

        Cluster(String name, int count, String[] peers) {
            this.name = name;
            this.count = count;
            for (String peer : peers) received.put(peer, 0);
        }

        boolean join(String in, String out) {
            JsonObject line = new JsonObject();
            line.addProperty("runtime", "java");
            line.addProperty("name", name);
            line.addProperty("ok", true);
            line.add("received", JsonNull.INSTANCE);
            line.addProperty("why", "");
            try (Receiver receiver = new Receiver(out, name, "conformance/");
                    Publisher publisher = new Publisher(in, name)) {
                receiver.set("on_slow", "ignore");
                receiver.start();
                publisher.start();
                receiver.awaitReady(PATIENCE);
                publisher.awaitReady(PATIENCE);
                exchange(receiver, publisher);
            } catch (Exception error) {
                line.addProperty("ok", false);
                line.addProperty("why", String.valueOf(error));
            }
            JsonObject counts = new JsonObject();
            received.forEach(counts::addProperty);
            line.add("received", counts);
            OUT.println(line);
            return line.get("ok").getAsBoolean();
        }

        /** Says hello until every member has heard every other, then exchanges numbers. */
        private void exchange(Receiver receiver, Publisher publisher) throws Exception {
            long end = System.nanoTime() + MEETING.toNanos();
            while (!complete.containsAll(received.keySet())) {
                if (System.nanoTime() > end) throw new WrongException("heard " + heard + ", complete " + complete);
                hello(publisher);
                long pause = System.nanoTime() + 50_000_000;
                for (long left; (left = pause - System.nanoTime()) > 0; ) {
                    receiver.receive(Duration.ofNanos(left)).ifPresent(this::take);
                }
            }
            hello(publisher);
            for (int i = 0; i < count; i++) publisher.publish("conformance/numbers/" + name, Integer.toString(i));
            while (received.values().stream().anyMatch(got -> got < count)) {
                List<Envelope> envelopes = receiver.receiveMany(256, PATIENCE);
                if (envelopes.isEmpty()) throw new WrongException("nothing comes any more");
                envelopes.forEach(this::take);
            }
        }

        private void hello(Publisher publisher) {
            JsonObject hello = new JsonObject();
            hello.addProperty("name", name);
            hello.addProperty("complete", heard.containsAll(received.keySet()));
            publisher.publish("conformance/hello", hello.toString());
        }

        private void take(Envelope envelope) {
            if (envelope.lost() > 0) throw new IllegalStateException(envelope.lost() + " lost before " + envelope);
            if (envelope.topic().equals("conformance/hello")) {
                JsonObject hello = JsonParser.parseString(envelope.data()).getAsJsonObject();
                heard.add(text(hello, "name"));
                if (hello.get("complete").getAsBoolean()) complete.add(text(hello, "name"));
                return;
            }
            int expected = received.get(envelope.origin());
            if (!envelope.data().equals("" + expected)) {
                throw new IllegalStateException("number " + expected + " of " + envelope.origin() + " is " + envelope.data());
            }
            received.put(envelope.origin(), expected + 1);
        }
    }
}
