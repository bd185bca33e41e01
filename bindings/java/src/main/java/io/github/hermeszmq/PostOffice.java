package io.github.hermeszmq;

/** A broker: binds one address for publishers and one for receivers, and relays between them. */
public class PostOffice extends Component {
    /** Makes a post office; with "tcp://127.0.0.1:*" the system chooses a port. */
    public PostOffice(String in, String out) {
        this(in, out, null);
    }

    /** As above; unless {@code debug} is null, it also publishes a copy of every envelope there. */
    public PostOffice(String in, String out, String debug) {
        super(made -> {
            Native.load();
            return Native.hermes_postoffice_new(
                    Native.cString(in, "the address in"),
                    Native.cString(out, "the address out"),
                    debug == null ? null : Native.cString(debug, "the address debug"),
                    made);
        });
    }

    /** The address for publishers, with the port that the system chose. */
    public String in() {
        return get("endpoint.in");
    }

    /** The address for receivers, with the port that the system chose. */
    public String out() {
        return get("endpoint.out");
    }
}
