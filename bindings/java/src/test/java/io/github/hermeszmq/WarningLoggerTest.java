package io.github.hermeszmq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Connection problems are logged. */
class WarningLoggerTest {
    private static final String NOWHERE = "tcp://127.0.0.1:1";

    private final BlockingQueue<LogRecord> logged = new LinkedBlockingQueue<>();
    private final Logger logger = Logger.getLogger("io.github.hermeszmq");
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord record) {
            logged.add(record);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void listen() {
        logger.addHandler(handler);
    }

    @AfterEach
    void done() {
        logger.removeHandler(handler);
    }

    /** The next message about a component. */
    private String next(String component) throws InterruptedException {
        while (true) {
            LogRecord record = logged.poll(60, TimeUnit.SECONDS);
            assertNotNull(record, "nothing is logged");
            assertEquals(Level.WARNING, record.getLevel());
            if (record.getMessage().startsWith(component)) return record.getMessage();
        }
    }

    @Test
    void anAddressThatCannotBeReachedIsAWarningOnce() throws Exception {
        try (Receiver receiver = new Receiver(NOWHERE, "lonely")) {
            receiver.start();
            String text = next("receiver \"lonely\"");
            assertTrue(text.contains("cannot connect to " + NOWHERE + ": connection refused"), text);
            assertTrue(receiver.receive(Duration.ofSeconds(2)).isEmpty()); // time for further looks
            assertTrue(logged.stream().noneMatch(r -> r.getMessage().startsWith("receiver \"lonely\"")));
        }
    }

    @Test
    void swappedAddressesAreNamedInTheLogAndInTheErrorOfAWait() throws Exception {
        try (PostOffice office = new PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")) {
            office.start();
            String in = office.get("endpoint.in");
            String out = office.get("endpoint.out");
            try (Publisher publisher = new Publisher(out, "astray")) {
                publisher.start();
                String says = out + " is the address for receivers; publishers connect to " + in;
                String text = next("publisher \"astray\"");
                assertTrue(text.contains(says), text);
                HermesException error =
                        assertThrows(HermesException.class, () -> publisher.awaitReady(Duration.ofMillis(10)));
                assertTrue(error.getMessage().contains(says), error.getMessage());
                assertTrue(publisher.stats().contains(says));
            }
        }
    }
}
