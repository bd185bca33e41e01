package io.github.hermeszmq;

import static java.lang.invoke.MethodType.methodType;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;

/**
 * The foreign function API of Java 22 and later, which this package, compiled for Java 17, finds by reflection.
 *
 * <p>A function is a method handle of numbers. The JIT compiles a call of one in a static final field into a call of
 * C: about 10 ns. The property {@code hermes.foreign} set to "off" turns it off.
 */
final class Foreign {
    private static final String PACKAGE = "java.lang.foreign.";
    private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();

    /** Whether there is one. */
    static final boolean ENABLED = Runtime.version().feature() >= 22
            && !"off".equals(System.getProperty("hermes.foreign"))
            && isPermitted();

    private Foreign() {}

    /** Whether the program may call restricted methods; asking for one is itself restricted. */
    private static boolean isPermitted() {
        try {
            view();
            view().invoke(0L, 0L);
            return true;
        } catch (Throwable refused) {
            return false;
        }
    }

    private static Class<?> named(String name) throws ClassNotFoundException {
        return Class.forName(PACKAGE + name);
    }

    /** The function at an address; its type has only int, long and void. */
    static MethodHandle function(long address, MethodType type) {
        try {
            Class<?> layout = named("MemoryLayout");
            Object arguments = Array.newInstance(layout, type.parameterCount());
            for (int i = 0; i < type.parameterCount(); i++) Array.set(arguments, i, layoutOf(type.parameterType(i)));
            Class<?> descriptor = named("FunctionDescriptor");
            Object described = type.returnType() == void.class
                    ? descriptor.getMethod("ofVoid", arguments.getClass()).invoke(null, arguments)
                    : descriptor
                            .getMethod("of", layout, arguments.getClass())
                            .invoke(null, layoutOf(type.returnType()), arguments);
            Class<?> linker = named("Linker");
            Class<?> segment = named("MemorySegment");
            Object options = Array.newInstance(named("Linker$Option"), 0);
            Object symbol = segment.getMethod("ofAddress", long.class).invoke(null, address);
            return (MethodHandle) linker
                    .getMethod("downcallHandle", segment, descriptor, options.getClass())
                    .invoke(linker.getMethod("nativeLinker").invoke(null), symbol, described, options);
        } catch (ReflectiveOperationException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static Object layoutOf(Class<?> type) throws ReflectiveOperationException {
        return named("ValueLayout").getField(type == int.class ? "JAVA_INT" : "JAVA_LONG").get(null);
    }

    /** (address, size) as a ByteBuffer: MemorySegment.ofAddress(address).reinterpret(size).asByteBuffer(). */
    static MethodHandle view() {
        try {
            Class<?> segment = named("MemorySegment");
            MethodHandle at = LOOKUP.findStatic(segment, "ofAddress", methodType(segment, long.class));
            MethodHandle sized = LOOKUP.findVirtual(segment, "reinterpret", methodType(segment, long.class));
            MethodHandle buffer = LOOKUP.findVirtual(segment, "asByteBuffer", methodType(ByteBuffer.class));
            return MethodHandles.filterReturnValue(MethodHandles.collectArguments(sized, 0, at), buffer);
        } catch (ReflectiveOperationException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
