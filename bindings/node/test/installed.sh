#!/usr/bin/env bash
# installed.sh DIST WORK: installs the packages in DIST with npm, without a network, into WORK, and
# runs a program there that publishes and receives. Another platform's package must not come along.
set -euo pipefail
dist=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$2"
mkdir -p "$2"
cd "$2"

# A registry of the packed files: npm is asked for files alone, so the main package names them.
version=$(node -p "require('$here/../package.json').version")
mkdir main
tar xzf "$dist/hermes-zmq-$version.tgz" -C main --strip-components=1
node - "$dist" "$version" "$here/../node_modules/koffi" <<'END'
const fs = require('node:fs');
const [dist, version, koffi] = process.argv.slice(2);
const main = JSON.parse(fs.readFileSync('main/package.json'));
for (const name of Object.keys(main.optionalDependencies)) {
  const file = `${dist}/${name.slice(1).replace('/', '-')}-${version}.tgz`;
  if (fs.existsSync(file)) main.optionalDependencies[name] = `file:${file}`;
  else delete main.optionalDependencies[name];
}
main.dependencies.koffi = `file:${koffi}`;
fs.writeFileSync('main/package.json', JSON.stringify(main));
END
packed=$(cd main && npm pack --silent --pack-destination ..)
echo '{"name": "program", "private": true}' >package.json
npm install --silent --offline --no-audit --no-fund --ignore-scripts --install-links=false "./$packed"

expected=$(node -p 'process.platform + "-" + process.arch')
found=$(ls node_modules/@hermes-zmq)
[ "$found" = "$expected" ] || { echo "installed for $expected: $found" >&2; exit 1; }
cat >program.cjs <<'END'
const { PostOffice, Publisher, Receiver } = require('hermes-zmq');
const fs = require('node:fs');
async function main() {
  const [inside, outside] = ['in', 'out'].map((side) => `ipc://${process.cwd()}/${side}`);
  const office = new PostOffice(inside, outside).start();
  const receiver = new Receiver(outside, 'screen', { topics: ['ticks/'] }).start();
  const publisher = new Publisher(inside, 'exchange').start();
  publisher.publish('ticks/BTCUSD', { price: 42000 });
  for await (const { topic, data } of receiver) {
    console.log(topic, JSON.stringify(data));
    break;
  }
  await Promise.all([publisher.close(), receiver.close(), office.close()]);
  const loaded = fs.readFileSync('/proc/self/maps', 'utf8').match(/\/\S*\/libhermes\S*/)[0];
  console.log(loaded.replace(/.*node_modules/, 'node_modules'));
}
main();
END
said=$(env -u HERMES_LIBRARY node program.cjs)
wanted="ticks/BTCUSD {\"price\":42000}
node_modules/@hermes-zmq/$expected/lib/hermes/_lib/libhermes.so.2"
[ "$said" = "$wanted" ] || { printf 'the installed package printed:\n%s\n' "$said" >&2; exit 1; }
