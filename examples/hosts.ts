// Two hosts for the examples: this process and a child of it, each in a network namespace of its own,
// with a veth pair between them. Each answers TCP and UDP on port 7, and pings. All of it goes when
// this process ends, whatever ends it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createVethPair, enterNewNetworkNamespace, findLink, PacketSocket, setLink } from 'tsbpf/syscall';
import { TsbpfError } from 'tsbpf/util';
import { isPingAnswer, pingFrame } from './frames.ts';

export interface Host {
  readonly interface: string;
  readonly address: string;
}

export const LEFT: Host = { interface: 'left', address: '10.0.0.1' };
export const RIGHT: Host = { interface: 'right', address: '10.0.0.2' };
export const PROTOCOLS = ['TCP', 'UDP', 'ICMP'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

const ECHO_PORT = 7;
const PATIENCE_MS = 400;

/** Runs iproute2, for what rtnetlink of the library does not do: addresses, and moving interfaces. */
function ip(...args: string[]): void {
  const { error, status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error) {
    throw new TsbpfError('IPROUTE2_MISSING', "this example needs the command 'ip'", {
      hint: 'apt-get install iproute2',
    });
  }
  if (status !== 0) throw new TsbpfError('IPROUTE2', `ip ${args.join(' ')}: ${stderr.trim()}`);
}

/** Gives this host its address and starts what answers. @returns what stops it */
export async function becomeHost(host: Host): Promise<() => Promise<unknown>> {
  ip('addr', 'add', `${host.address}/24`, 'dev', host.interface);
  setLink('lo', { up: true });
  setLink(host.interface, { up: true });
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  server.listen(ECHO_PORT, host.address).unref();
  const echo = createSocket('udp4');
  echo.on('message', (data, { port, address }) => echo.send(data, port, address));
  echo.bind(ECHO_PORT, host.address);
  echo.unref();
  const all = [server, echo];
  await Promise.all(all.map((one) => once(one, 'listening')));
  return () => Promise.all(all.map((one) => once(one.close(), 'close')));
}

/** The host at the other end. */
export class Peer {
  readonly #child: ChildProcess;
  #stopLeft: (() => Promise<unknown>) | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Makes this process LEFT, and starts RIGHT. */
  static async start(): Promise<Peer> {
    enterNewNetworkNamespace();
    createVethPair(LEFT.interface, RIGHT.interface);
    const command = [join('scripts', 'run-ts.mjs'), join('examples', 'peer.ts')];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const peer = new Peer(child);
    try {
      await peer.#heard(); // it is in its namespace
      ip('link', 'set', RIGHT.interface, 'netns', String(child.pid));
      peer.#stopLeft = await becomeHost(LEFT);
      await peer.#ask('begin');
      return peer;
    } catch (error) {
      await peer.close();
      throw error;
    }
  }

  /** Whether LEFT answers RIGHT. */
  async isAnswered(protocol: Protocol): Promise<boolean> {
    return (await this.#ask(protocol)) === true;
  }

  async close(): Promise<void> {
    const ended = this.#child.exitCode ?? this.#child.signalCode ?? once(this.#child, 'close');
    this.#child.kill();
    await ended;
    await this.#stopLeft?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ask(question: string): Promise<unknown> {
    const answer = this.#heard();
    this.#child.send(question);
    return await answer;
  }

  async #heard(): Promise<unknown> {
    const ended = new AbortController();
    const [first] = await Promise.race([
      once(this.#child, 'message', { signal: ended.signal }),
      once(this.#child, 'exit', { signal: ended.signal }).then(() => {
        throw new TsbpfError('PEER_ENDED', 'the host at the other end has ended');
      }),
    ]).finally(() => ended.abort());
    return first;
  }
}

/** Whether `to` answers this host, which is `from`. */
export async function isAnswered(protocol: Protocol, from: Host, to: Host): Promise<boolean> {
  if (protocol === 'TCP') return await answersTcp(to.address);
  if (protocol === 'UDP') return await answersUdp(to.address);
  return await answersPing(from, to);
}

async function answersTcp(address: string): Promise<boolean> {
  const socket = connect(ECHO_PORT, address);
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    await once(socket, 'connect', { signal });
    socket.write('hello');
    const [data] = await once(socket, 'data', { signal });
    return String(data) === 'hello';
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function answersUdp(address: string): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
    socket.send('hello', ECHO_PORT, address);
    return String((await answer)[0]) === 'hello';
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

async function answersPing(from: Host, to: Host): Promise<boolean> {
  const { ifindex, address } = findLink(from.interface);
  using socket = new PacketSocket(ifindex);
  socket.send(pingFrame(address, from.address, to.address));
  for (let waited = 0; waited < PATIENCE_MS; waited += 10) {
    await sleep(10);
    for (let frame = socket.receive(); frame; frame = socket.receive())
      if (isPingAnswer(frame, to.address)) return true;
  }
  return false;
}
