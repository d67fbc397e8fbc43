import { afterEach, beforeEach } from 'vitest';
import { BpfCmd } from '../../src/isa/kernel-tables.generated.ts';
import { type Native, type PollHandle, setNative, syscallNumber } from '../../src/syscall/native.ts';
import type { SyscallName } from '../../src/syscall/numbers.ts';

/** A system call as the fake saw it. */
export interface RecordedCall {
  readonly number: number;
  readonly args: readonly number[];
}

/** A descriptor that is waited for. */
export interface RecordedPoll {
  readonly fd: number;
  readonly ready: () => void;
  referenced: boolean;
  closed: boolean;
}

/** Answers a call: the result, or minus the errno. */
export type Answer = (call: RecordedCall, memory: FakeNative) => number;

/**
 * Records every system call and answers as it is told. Addresses are small made-up numbers in the
 * order in which buffers are first asked about, so that attr bytes are the same in every run.
 */
export class FakeNative implements Native {
  readonly calls: RecordedCall[] = [];
  readonly polls: RecordedPoll[] = [];
  readonly #buffers: Uint8Array[] = [];
  readonly #answers: Answer[] = [];
  #fallback: Answer = () => 0;

  address(bytes: Uint8Array): number {
    let index = this.#buffers.indexOf(bytes);
    if (index < 0) index = this.#buffers.push(bytes) - 1;
    return 0x1000 * (index + 1);
  }

  view(address: number, length: number): Uint8Array {
    return this.at(address).subarray(0, length);
  }

  poll(fd: number, ready: () => void): PollHandle {
    const poll = { fd, ready, referenced: true, closed: false };
    this.polls.push(poll);
    return {
      ref() {
        poll.referenced = true;
      },
      unref() {
        poll.referenced = false;
      },
      close() {
        poll.closed = true;
      },
    };
  }

  syscall(number: number, ...args: number[]): number {
    const call = { number, args };
    this.calls.push(call);
    return (this.#answers.shift() ?? this.#fallback)(call, this);
  }

  /** The next calls, one each. */
  answer(...answers: (number | Answer)[]): void {
    for (const answer of answers) {
      this.#answers.push(typeof answer === 'number' ? () => answer : answer);
    }
  }

  /** Every call without an answer of its own. */
  answerAll(answer: Answer): void {
    this.#fallback = answer;
  }

  /** The buffer at an address that was handed out. */
  at(address: number | bigint): Uint8Array {
    const buffer = this.#buffers[Number(address) / 0x1000 - 1];
    if (buffer) return buffer;
    throw new Error(`nothing lies at ${address}`);
  }

  /** A bpf(2) call as its command's name and its attr. */
  bpf(call: RecordedCall): { command: string; attr: Uint8Array } {
    const [command = -1, address = 0] = call.args;
    const name = Object.entries(BpfCmd).find(([, value]) => value === command)?.[0] ?? `${command}`;
    return { command: name, attr: this.at(address) };
  }

  named(call: RecordedCall, name: SyscallName): boolean {
    return call.number === syscallNumber(name);
  }
}

/** A fresh fake for every test of the enclosing suite. */
export function useFakeNative(): () => FakeNative {
  let fake: FakeNative;
  let former: Native | undefined;
  beforeEach(() => {
    fake = new FakeNative();
    former = setNative(fake);
  });
  afterEach(() => {
    setNative(former);
  });
  return () => fake;
}
