package io.github.hermeszmq;

/** Binds one address for publishers and one for receivers, and relays between them. */
public class PostOffice extends Part {
    /** Makes one; "tcp://127.0.0.1:*" has the system choose a port. */
    public PostOffice(String in, String out) {
        this(in, out, null);
    }

    /** One that also publishes a copy of everything at a third address, unless that is null. */
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

    /** Where publishers connect, with the port that the system chose. */
    public String in() {
        return get("endpoint.in");
    }

    /** Where receivers connect. */
    public String out() {
        return get("endpoint.out");
    }
}
