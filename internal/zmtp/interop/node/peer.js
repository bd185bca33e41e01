// A socket of zeromq.js at the disposal of the test; ../doc.go says how it is used.
"use strict"

const readline = require("node:readline")
const zmq = require("zeromq")
const { version } = require("zeromq/package.json")

const kinds = {
  pub: zmq.Publisher,
  sub: zmq.Subscriber,
  xpub: zmq.XPublisher,
  xsub: zmq.XSubscriber,
}

function open(role) {
  const sock = new kinds[role]({
    linger: 0,
    reconnectInterval: 50,
    heartbeatInterval: 100,
    heartbeatTimeout: 20_000,
    heartbeatTimeToLive: 20_000,
  })
  // Which of the two a socket has depends on its kind.
  if ("sendHighWaterMark" in sock) sock.sendHighWaterMark = 0
  if ("receiveHighWaterMark" in sock) sock.receiveHighWaterMark = 0
  secure(sock, process.env)
  return sock
}

function secure(sock, { CURVE, CURVE_PUBLIC, CURVE_SECRET, CURVE_SERVER }) {
  if (CURVE === undefined) return
  sock.curvePublicKey = CURVE_PUBLIC
  sock.curveSecretKey = CURVE_SECRET
  if (CURVE === "server") sock.curveServer = true
  else sock.curveServerKey = CURVE_SERVER
}

const say = what => process.stdout.write(JSON.stringify(what) + "\n")
const decode = word => Buffer.from(word.slice(1), "hex")

async function obey(role, sock, line) {
  const [verb, ...words] = line.split(" ")
  const frames = words.map(decode)
  const on = verb === "subscribe"
  if (verb === "send") {
    await sock.send(frames)
  } else if (role === "sub") {
    on ? sock.subscribe(frames[0]) : sock.unsubscribe(frames[0])
  } else {
    await sock.send(Buffer.concat([Buffer.from([on ? 1 : 0]), frames[0]]))
  }
}

async function printMessages(sock) {
  for await (const frames of sock) say({ message: frames.map(f => f.toString("hex")) })
}

async function main(role, mode, ...addresses) {
  const sock = open(role)
  const ready = []
  for (const address of addresses) {
    await sock[mode](address)
    ready.push(sock.lastEndpoint)
  }
  say({ ready, version: `zeromq.js ${version} (libzmq ${zmq.version})` })
  if (role !== "pub") printMessages(sock)
  for await (const line of readline.createInterface({ input: process.stdin })) {
    await obey(role, sock, line)
  }
  process.exit(0)
}

main(...process.argv.slice(2)).catch(err => {
  console.error(err)
  process.exit(1)
})
