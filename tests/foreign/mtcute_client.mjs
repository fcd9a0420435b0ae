// mtcute reads a chat and a file from the embedded Telegram.
//
// The order is one line of JSON on standard input (`serve.py`), the report one line on standard
// output. With `race` in the order (`benchmarks.strangers`) it is asked to read several times.
// Sessions stay in memory, so the native SQLite of @mtcute/node is not needed.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";

import {
  IntermediatePacketCodec,
  MemoryStorage,
  ObfuscatedPacketCodec,
  PaddedIntermediatePacketCodec,
} from "@mtcute/core";
import { addPublicKey } from "@mtcute/core/utils.js";
import { TcpTransport, TelegramClient } from "@mtcute/node";
import { NodeCryptoProvider } from "@mtcute/node/utils.js";

const TRANSPORTS = {
  intermediate: () => new IntermediatePacketCodec(),
  "padded intermediate": () => new PaddedIntermediatePacketCodec(),
  "obfuscated intermediate": () => new ObfuscatedPacketCodec(new IntermediatePacketCodec()),
  "obfuscated padded intermediate": () =>
    new ObfuscatedPacketCodec(new PaddedIntermediatePacketCodec()),
};

class Transport extends TcpTransport {
  constructor(name) {
    super();
    this.name = name;
    this.ports = new Set();
  }

  connect(dc) {
    this.ports.add(dc.port);
    return super.connect(dc);
  }

  packetCodec() {
    return TRANSPORTS[this.name]();
  }
}

function clientOf(order, transport) {
  const dc = { id: order.dc_id, ipAddress: order.host, port: order.port };
  const media = { ...dc, port: order.media_port, mediaOnly: true };
  return new TelegramClient({
    apiId: 1,
    apiHash: "0".repeat(32),
    storage: new MemoryStorage(),
    transport,
    defaultDcs: { main: dc, media },
    disableUpdates: true,
    logLevel: order.log_level ?? 0,
  });
}

async function history(order, transport) {
  const started = performance.now();
  const client = clientOf(order, new Transport(transport));
  await client.connect();
  const connected = performance.now();
  const me = await client.getMe();
  const digest = createHash("sha256");
  let count = 0;
  for await (const message of client.iterHistory(order.username)) {
    digest.update(`${message.id}\t${message.text}\n`);
    count += 1;
  }
  await client.destroy();
  return {
    transport,
    me: me.id,
    count,
    digest: digest.digest("hex"),
    connect_seconds: Math.round(connected - started) / 1000,
    seconds: Math.round(performance.now() - started) / 1000,
  };
}

async function file(order, name) {
  const transport = new Transport(name);
  const client = clientOf(order, transport);
  await client.connect();
  const [message] = await client.getMessages(order.username, order.file_message);
  const started = performance.now();
  const digest = createHash("sha256");
  let size = 0;
  for await (const part of client.downloadAsIterable(message.media)) {
    digest.update(part);
    size += part.length;
  }
  const seconds = (performance.now() - started) / 1000;
  // What mtcute made of help.getConfig.
  const told = await client._client.mt.network.config.findOption({
    dcId: order.dc_id,
    allowMedia: true,
    preferMedia: true,
  });
  await client.destroy();
  const [port] = [...transport.ports].filter((each) => each !== order.port);
  return {
    transport: name,
    name: message.media.fileName,
    size,
    sha256: digest.digest("hex"),
    port,
    told_port: told.port,
    seconds: Math.round(seconds * 100) / 100,
    mib_per_second: Math.round((10 * size) / seconds / (1 << 20)) / 10,
  };
}

async function refused(order) {
  const client = clientOf({ ...order, port: order.locked_port }, new Transport("intermediate"));
  await client.connect();
  try {
    await client.getMe();
    return "answered";
  } catch (error) {
    return `${error.code} ${error.text}`;
  } finally {
    await client.destroy();
  }
}

function own(path) {
  const file = new URL(`node_modules/@mtcute/core/${path}`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
}

// Read the chat or the file once for each two lines of input, `prepare` and `go`, against a clock.
async function race(order, lines) {
  const client = clientOf(order, new Transport("obfuscated intermediate"));
  await client.connect();
  let message;
  if (order.race === "history") await client.resolvePeer(order.username);
  else [message] = await client.getMessages(order.username, order.file_message);
  console.log(JSON.stringify({ ready: own("package.json").version }));
  while (!(await lines.next()).done) {
    console.log(JSON.stringify({ prepared: true }));
    await lines.next();
    const digest = createHash("sha256");
    const folder = mkdtempSync(join(order.folder ?? tmpdir(), "mtcute-"));
    const path = join(folder, "file");
    let messages = 0;
    const cpu = process.cpuUsage();
    const began = performance.now();
    if (order.race === "history") {
      for await (const each of client.iterHistory(order.username)) {
        digest.update(`${each.id}\t${each.text}\n`);
        messages += 1;
      }
    } else {
      // Its own downloadToFile returns before the file is whole.
      const file = await open(path, "w");
      for await (const part of client.downloadAsIterable(message.media)) await file.write(part);
      await file.close();
    }
    const seconds = (performance.now() - began) / 1000;
    const spent = process.cpuUsage(cpu);
    if (order.race !== "history") digest.update(readFileSync(path));
    rmSync(folder, { recursive: true });
    const done = { seconds, cpu: (spent.user + spent.system) / 1e6, messages };
    console.log(JSON.stringify({ done: { ...done, digest: digest.digest("hex") } }));
  }
  await client.destroy();
}

const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();
const order = JSON.parse((await lines.next()).value);
if (!order.race) input.close();
const crypto = new NodeCryptoProvider();
await crypto.initialize();
addPublicKey(crypto, order.rsa_key);
if (order.race) {
  await race(order, lines);
  process.exit(0);
}
const report = {
  client: "mtcute",
  version: own("package.json").version,
  layer: own("tl/api-schema.json").l,
  runs: [],
  files: [],
};
for (const transport of Object.keys(TRANSPORTS)) {
  report.runs.push(await history(order, transport));
}
for (const transport of order.file_transports) {
  report.files.push(await file(order, transport));
}
report.refused = await refused(order);
console.log(JSON.stringify(report));
process.exit(0);
