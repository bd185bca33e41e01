/*
 * Which library a platform has, and which package for npm brings it along. Functions take the names
 * that Node.js gives system and processor, so that a test on one platform sees the choice of all.
 */

/** The platforms for which there is a package, by what Node.js calls them. */
export const packages: readonly string[] = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64'];

/** The name of the library's file. */
export function libraryName(system: string = process.platform): string {
  if (system === 'win32') return 'hermes.dll';
  return system === 'darwin' ? 'libhermes.2.dylib' : 'libhermes.so.2';
}

/** The package that has the library for a platform; undefined where there is none. */
export function packageName(system: string = process.platform, cpu: string = process.arch): string | undefined {
  const platform = `${system}-${cpu}`;
  return packages.includes(platform) ? `@hermes-zmq/${platform}` : undefined;
}

/** Whether Node.js can watch a socket that it has not opened; on Windows it takes files only. */
export function hasWakeSockets(system: string = process.platform): boolean {
  return system !== 'win32';
}

/** What to do where the library was not found. */
export function advice(system: string = process.platform, cpu: string = process.arch): string {
  const name = packageName(system, cpu);
  const first = name
    ? `The package ${name} has it, which npm installs with this one unless it is told to leave out optional ones`
    : `There is no package for ${system}-${cpu}; there are ${packages.join(', ')}`;
  return `${first}. Set HERMES_LIBRARY to the path of ${libraryName(system)}, or install it where the system finds it.`;
}
