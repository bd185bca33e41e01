package io.github.hermeszmq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Platform;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which library a platform has. */
class BundledLibraryTest {
    @ParameterizedTest
    @CsvSource({
        "linux-x86-64, libhermes.so.2",
        "linux-aarch64, libhermes.so.2",
        "freebsd-x86-64, libhermes.so.2",
        "darwin-x86-64, libhermes.2.dylib",
        "darwin-aarch64, libhermes.2.dylib",
        "win32-x86-64, hermes.dll",
    })
    void eachPlatformHasItsFile(String platform, String file) {
        assertEquals(file, BundledLibrary.fileName(platform));
    }

    @Test
    void theAdviceNamesThisPlatformAndThoseThatAreServed() {
        assertTrue(BundledLibrary.advice().contains("This is " + Platform.RESOURCE_PREFIX));
        assertTrue(BundledLibrary.advice().contains("a library for: "));
    }
}
