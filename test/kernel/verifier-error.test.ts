import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { writeElf } from '../../src/elf/index.ts';
import { type LogOptions, loadCollection, Program, VerifierError } from '../../src/kernel/index.ts';
import { hintKind } from '../../src/object/verifier-hints.ts';
import { codeOf } from '../flow/tools.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

/** Programs that are refused, each for one common reason. */
interface Refused {
  /** The row of the table of hints that its log is to be known by. */
  readonly kind: string;
  readonly text: string;
}

const LOOKUP = `
    *(u32 *)(r10 - 4) = 0
    r1 = values ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem`;
const VALUES = '.map values, hash, key=u32, value=u64, entries=4';
const EVENTS = '.map events, ringbuf, entries=4096';
const BIG_FRAME = '*(u64 *)(r10 - 304) = 0';

const REFUSED: Readonly<Record<string, Refused>> = {
  'a lookup that was not compared with NULL': {
    kind: 'null',
    text: `${VALUES}\n.program bad, "xdp"${LOOKUP}\nr0 = *(u64 *)(r0 + 0)\nexit`,
  },
  'a lookup that is used where it is NULL': {
    kind: 'number-as-pointer',
    text: `${VALUES}\n.program bad, "xdp"${LOOKUP}\nif r0 != 0 goto +1\nr0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit`,
  },
  'a number as a pointer': {
    kind: 'number-as-pointer',
    text: '.program bad, "xdp"\nr2 = *(u32 *)(r1 + 16)\nr0 = *(u64 *)(r2 + 0)\nexit',
  },
  'a map as memory': {
    kind: 'map-pointer',
    text: `${VALUES}\n.program bad, "xdp"\nr1 = values ll\nr2 = 1\n*(u64 *)(r1 + 0) = r2\nr0 = 0\nexit`,
  },
  'a register without a value': { kind: 'uninitialised', text: '.program bad, "xdp"\nr0 = r7\nexit' },
  'a register after a call': {
    kind: 'uninitialised',
    text: '.program bad, "xdp"\ncall bpf_ktime_get_ns\nr0 = r1\nexit',
  },
  'a program without a result': { kind: 'uninitialised', text: '.program bad, "xdp"\nexit' },
  'a loop without an end': {
    kind: 'loop',
    text: '.program bad, "xdp"\nr0 = 0\nagain: if r1 != 0 goto again\nexit',
  },
  'a loop that runs too often': {
    kind: 'complexity',
    text: '.program bad, "xdp"\nr0 = 0\nagain: r0 += 1\nif r0 != 10000000 goto again\nr0 = 0\nexit',
  },
  'a helper that does not exist': { kind: 'helper', text: '.program bad, "xdp"\ncall 9999\nexit' },
  'a helper of other types': {
    kind: 'helper',
    text: '.program bad, "xdp"\nr2 = 0\nr3 = 0\ncall bpf_skb_load_bytes\nexit',
  },
  'a helper that sleeps': {
    kind: 'sleepable',
    text: '.program bad, "uprobe"\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_copy_from_user\nr0 = 0\nexit',
  },
  'a store below the stack': {
    kind: 'stack-bounds',
    text: '.program bad, "xdp"\n*(u64 *)(r10 - 520) = 0\nr0 = 0\nexit',
  },
  'a stack slot by an index of any size': {
    kind: 'stack-bounds',
    text: '.program bad, "xdp"\nr3 = *(u32 *)(r1 + 16)\nr2 = r10\nr2 += r3\n*(u8 *)(r2 + 0) = 1\nr0 = 0\nexit',
  },
  'frames that are too large together': {
    kind: 'stack-depth',
    text: `.program bad, "xdp"\n${BIG_FRAME}\ncall below\nexit\n.text\nbelow: ${BIG_FRAME}\nr0 = 0\nexit`,
  },
  'an index of any size': {
    kind: 'bounds-unknown',
    text: `${VALUES}\n.program bad, "xdp"\nr6 = *(u32 *)(r1 + 16)${LOOKUP}\nif r0 == 0 goto out\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
  },
  'an index that may be negative': {
    kind: 'bounds-unknown',
    text: `${VALUES}\n.program bad, "xdp"\ncall bpf_get_prandom_u32\nr6 = r0${LOOKUP}\nif r0 == 0 goto out\nr6 <<= 32\nr6 s>>= 32\nif r6 s> 3 goto out\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
  },
  'a value read past its end': {
    kind: 'bounds-unknown',
    text: `${VALUES}\n.program bad, "xdp"${LOOKUP}\nif r0 == 0 goto out\nr0 = *(u64 *)(r0 + 8)\nout: r0 = 0\nexit`,
  },
  'a product with a pointer': {
    kind: 'pointer-arithmetic',
    text: '.program bad, "xdp"\nr2 = r10\nr2 *= 8\nr0 = 0\nexit',
  },
  'a record that is not submitted': {
    kind: 'reference',
    text: `${EVENTS}\n.program bad, "xdp"\nr1 = events ll\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nr0 = 0\nexit`,
  },
  'a packet without a look at its end': {
    kind: 'packet',
    text: '.program bad, "xdp"\nr2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit',
  },
  'a result that the type does not have': {
    kind: 'return-value',
    text: '.program bad, "cgroup/sock_create"\nr0 = 5\nexit',
  },
  'a member that the ctx does not have': {
    kind: 'context',
    text: '.program bad, "xdp"\nr0 = *(u32 *)(r1 + 200)\nexit',
  },
  'an argument that is no map': {
    kind: 'argument',
    text: '.program bad, "xdp"\nr1 = 1\nr2 = r10\nr2 += -8\n*(u64 *)(r2 + 0) = 0\ncall bpf_map_lookup_elem\nr0 = 0\nexit',
  },
  'a map of another type': {
    kind: 'map-helper',
    text: `${VALUES}\n.program bad, "xdp"\n*(u64 *)(r10 - 8) = 0\nr1 = values ll\nr2 = r10\nr2 += -8\nr3 = 0\ncall bpf_map_push_elem\nr0 = 0\nexit`,
  },
  'a tail call through another map': {
    kind: 'tail-call',
    text: `${VALUES}\n.program bad, "xdp"\nr2 = values ll\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit`,
  },
  'an address that is not a multiple': {
    kind: 'alignment',
    text: '.program bad, "xdp"\nr2 = 1\nlock *(u64 *)(r10 - 9) += r2\nr0 = 0\nexit',
  },
  'code that is never reached': {
    kind: 'unreachable',
    text: '.program bad, "xdp"\nr0 = 0\nexit\nr0 = 1\nexit',
  },
};

const seen = new Map<string, VerifierError>();

function refusal(text: string): VerifierError {
  const known = seen.get(text) ?? refuse(text);
  seen.set(text, known);
  return known;
}

function refuse(text: string): VerifierError {
  const source = { name: 'bad.s', text: `.license "GPL"\n${text}\n` };
  const error = errorOf(() => loadCollection(writeElf(assembleOrThrow(source).object)).close());
  if (error instanceof VerifierError) return error;
  throw error;
}

const shown = ({ message, hint }: VerifierError): string => `${message}\n  hint: ${hint}`;
/** The words below are those of the kernel that was looked at; another's may be others. */
const otherWords = lacks("the verifier's words of 6.18");

/** What old kernels say nothing of, or in other words. */
const NEWER: ReadonlySet<string> = new Set(['a loop that runs too often', 'a tail call through another map']);

describeKernel('what the verifier refuses', () => {
  const known = Object.entries(REFUSED).filter(([what]) => !otherWords || !NEWER.has(what));
  test.each(known)('is known: %s', (_, { kind, text }) => {
    const { excerpt, log, hint } = refusal(text);
    expect(excerpt.messages.map(hintKind)).toContain(kind);
    expect(hint).toBeDefined();
    for (const message of excerpt.messages) expect(log).toContain(message);
  });

  test.skipIf(otherWords)('is said with its instruction, source, registers and what mends it', () => {
    const all = Object.entries(REFUSED).map(([what, { text }]) => `${what}:\n${shown(refusal(text))}\n`);
    expect(all.join('\n').replaceAll(/(map_ptr\(\w*=)\w+/g, '$1…')).toMatchInlineSnapshot(`
      "a lookup that was not compared with NULL:
      the verifier rejected program 'bad': R0 invalid mem access 'map_value_or_null' (EACCES)
        source: r0 = *(u64 *)(r0 + 0) @ bad.s:9
        at slot 6: (79) r0 = *(u64 *)(r0 +0)
        state: R0=map_value_or_null(id=1,map=values,ks=4,vs=8)
        hint: it may be NULL: compare it with 0 right after the call that gives it, and use it only where it is not

      a lookup that is used where it is NULL:
      the verifier rejected program 'bad': R0 invalid mem access 'scalar' (EACCES)
        source: r0 = *(u64 *)(r0 + 0) @ bad.s:10
        at slot 7: (79) r0 = *(u64 *)(r0 +0)
        state: R0=0
        hint: it is NULL on this path: compare it with 0 and use it only where it is not

      a number as a pointer:
      the verifier rejected program 'bad': R2 invalid mem access 'scalar' (EACCES)
        source: r0 = *(u64 *)(r2 + 0) @ bad.s:4
        at slot 1: (79) r0 = *(u64 *)(r2 +0)
        state: R2=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
        hint: it holds a number: arithmetic of 32 bits, a load from memory or a call made it one; read memory of the kernel with CO-RE or bpf_probe_read_kernel()

      a map as memory:
      the verifier rejected program 'bad': only read from bpf_htab is supported (EACCES)
        source: *(u64 *)(r1 + 0) = r2 @ bad.s:6
        at slot 3: (7b) *(u64 *)(r1 +0) = r2
        state: R1=map_ptr(map=…,ks=4,vs=8) R2=1
        hint: a map is not read through its own pointer: bpf_map_lookup_elem() gives a pointer to a value

      a register without a value:
      the verifier rejected program 'bad': R7 !read_ok (EACCES)
        source: r0 = r7 @ bad.s:3
        at slot 0: (bf) r0 = r7
        hint: set it on every path that leads here

      a register after a call:
      the verifier rejected program 'bad': R1 !read_ok (EACCES)
        source: r0 = r1 @ bad.s:4
        at slot 1: (bf) r0 = r1
        hint: set it on every path that leads here; R1 to R5 lose their values with every call, and a program begins with R1 alone

      a program without a result:
      the verifier rejected program 'bad': R0 !read_ok (EACCES)
        source: exit @ bad.s:3
        at slot 0: (95) exit
        hint: R0 is what the program returns: set it on every path before exit

      a loop without an end:
      the verifier rejected program 'bad': infinite loop detected at insn 1 (EINVAL)
        source: again: if r1 != 0 goto again @ bad.s:4
        at slot 1: (55) if r1 != 0x0 goto pc-1
        state: R1=ctx()
        hint: a loop must come to an end that the verifier can see: count to a constant, or use bpf_loop(), bpf_for() or may_goto; before Linux 5.3 loops are unrolled

      a loop that runs too often:
      the verifier rejected program 'bad': BPF program is too large. Processed 1000001 insn (E2BIG)
        source: again: r0 += 1 @ bad.s:4
        at slot 1: (07) r0 += 1
        state: R0=0x7a11f
        the log is cut: its last 1.0 MiB of 80.9 MiB are here; verifierLog: 'whole' keeps up to 64.0 MiB (tsbpf load --log FILE)
        hint: every path is walked, and together at most 1000000 instructions: let a loop run less often, move its body to bpf_loop() or to a global function, or leave with a tail call

      a helper that does not exist:
      the verifier rejected program 'bad': invalid func unknown#9999 (EINVAL)
        source: call 9999 @ bad.s:3
        at slot 0: (85) call unknown#9999
        hint: this kernel has no such helper; a newer one may (tsbpf features)

      a helper of other types:
      the verifier rejected program 'bad': program of this type cannot use helper bpf_skb_load_bytes#26 (EINVAL)
        source: call bpf_skb_load_bytes @ bad.s:5
        at slot 2: (85) call bpf_skb_load_bytes#26
        hint: bpf_skb_load_bytes() is for programs of type socket_filter, sched_cls, sched_act, cgroup_skb, lwt_in, lwt_out and 5 more

      a helper that sleeps:
      the verifier rejected program 'bad': helper call might sleep in a non-sleepable prog (EINVAL)
        source: call bpf_copy_from_user @ bad.s:7
        at slot 4: (85) call bpf_copy_from_user#148
        hint: only programs that may sleep call it: load it from a section with .s, as fentry.s/… or lsm.s/…, outside of locks and bpf_rcu_read_lock()

      a store below the stack:
      the verifier rejected program 'bad': invalid write to stack R10 off=-520 size=8 (EACCES)
        source: *(u64 *)(r10 - 520) = 0 @ bad.s:3
        at slot 0: (7a) *(u64 *)(r10 -520) = 0
        hint: the stack reaches from R10 - 512 up to R10, and an index into it must have bounds that the verifier sees: limit it with a comparison or &

      a stack slot by an index of any size:
      the verifier rejected program 'bad': invalid unbounded variable-offset write to stack R2 (EACCES)
        source: *(u8 *)(r2 + 0) = 1 @ bad.s:6
        at slot 3: (72) *(u8 *)(r2 +0) = 1
        state: R2=fp(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
        hint: the stack reaches from R10 - 512 up to R10, and an index into it must have bounds that the verifier sees: limit it with a comparison or &

      frames that are too large together:
      the verifier rejected program 'bad': combined stack size of 2 calls is 608. Too large (EACCES)
        hint: a program has 512 bytes of stack with all functions that it calls (256 below a tail call), 8 calls deep: move large things to a per-CPU array

      an index of any size:
      the verifier rejected program 'bad': R0 unbounded memory access, make sure to bounds check any such access (EACCES)
        source: r0 = *(u8 *)(r0 + 0) @ bad.s:12
        at slot 9: (71) r0 = *(u8 *)(r0 +0)
        state: R0=map_value(map=values,ks=4,vs=8,smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
        hint: limit the index before it is used, as an unsigned number: compare it with the size, or & it with a power of two less one

      an index that may be negative:
      the verifier rejected program 'bad': value -2147483648 makes map_value pointer be out of bounds (EINVAL)
        source: r0 += r6 @ bad.s:15
        at slot 12: (0f) r0 += r6
        state: R0=map_value(map=values,ks=4,vs=8) R6=scalar(smin=0xffffffff80000000,smax=smax32=3)
        hint: limit the index before it is used, as an unsigned number: compare it with the size, or & it with a power of two less one

      a value read past its end:
      the verifier rejected program 'bad': R0 min value is outside of the allowed memory range (EACCES)
        source: r0 = *(u64 *)(r0 + 8) @ bad.s:10
        at slot 7: (79) r0 = *(u64 *)(r0 +8)
        state: R0=map_value(map=values,ks=4,vs=8)
        invalid access to map value, value_size=8 off=8 size=8
        hint: it reaches past the end: compare the offset and what is read with the size of the value

      a product with a pointer:
      the verifier rejected program 'bad': R2 pointer arithmetic with *= operator prohibited (EACCES)
        source: r2 *= 8 @ bad.s:4
        at slot 1: (27) r2 *= 8
        state: R2=fp0
        hint: to a pointer numbers are added, with 64 bits and to pointers of known kinds only; check it for NULL before

      a record that is not submitted:
      the verifier rejected program 'bad': BPF_EXIT instruction in main prog would lead to reference leak (EINVAL)
        source: exit @ bad.s:9
        at slot 6: (95) exit
        Unreleased reference id=2 alloc_insn=4
        hint: release on every path what was acquired at slot 4: bpf_sk_release(), bpf_ringbuf_submit() or _discard(), bpf_obj_drop() and the like

      a packet without a look at its end:
      the verifier rejected program 'bad': R2 offset is outside of the packet (EACCES)
        source: r0 = *(u8 *)(r2 + 0) @ bad.s:4
        at slot 1: (71) r0 = *(u8 *)(r2 +0)
        state: R2=pkt(r=0)
        invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)
        hint: compare the pointer and all that is read behind it with data_end first, on this path: if (data + size > data_end) return

      a result that the type does not have:
      the verifier rejected program 'bad': At program exit the register R0 has smin=5 smax=5 should have been in [0, 1] (EINVAL)
        source: exit @ bad.s:4
        at slot 1: (95) exit
        state: R0=5
        hint: programs of this kind return 0 to 1; a value that was computed is limited with a comparison or &

      a member that the ctx does not have:
      the verifier rejected program 'bad': invalid bpf_context access off=200 size=4 (EACCES)
        source: r0 = *(u32 *)(r1 + 200) @ bad.s:3
        at slot 0: (61) r0 = *(u32 *)(r1 +200)
        state: R1=ctx()
        hint: programs of this type and attach type may not read (or write) this member, or not with this size; where the member is an integer of 4 bytes, read 4 bytes

      an argument that is no map:
      the verifier rejected program 'bad': R1 type=scalar expected=map_ptr (EACCES)
        source: call bpf_map_lookup_elem @ bad.s:7
        at slot 4: (85) call bpf_map_lookup_elem#1
        state: R1=1
        hint: argument 1 is scalar, but must be map_ptr: pass the pointer itself

      a map of another type:
      the verifier rejected program 'bad': cannot pass map_type 1 into func bpf_map_push_elem#87 (EINVAL)
        source: call bpf_map_push_elem @ bad.s:9
        at slot 6: (85) call bpf_map_push_elem#87
        hint: bpf_map_push_elem() is for maps of other types

      a tail call through another map:
      the verifier rejected program 'bad': expected prog array map for tail call (EINVAL)
        source: call bpf_tail_call @ bad.s:6
        at slot 3: (85) call bpf_tail_call#12
        hint: the second argument of bpf_tail_call() is a map of type prog_array, one and the same on every path; no reference or lock is held, and callers have little on their stacks

      an address that is not a multiple:
      the verifier rejected program 'bad': misaligned stack access off 0+0+-9 size 8 (EACCES)
        source: lock *(u64 *)(r10 - 9) += r2 @ bad.s:4
        at slot 1: (db) lock *(u64 *)(r10 -9) += r2
        state: R2=1
        hint: its address must be a multiple of its size here: read smaller pieces, or copy it to the stack first

      code that is never reached:
      the verifier rejected program 'bad': unreachable insn 2 (EINVAL)
        hint: every instruction must be reached, every path ends with exit or a jump, and jumps stay within their function
      "
    `);
  });

  test('a licence that is not the GPL is told by the verifier too', () => {
    const code = codeOf('r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = 0\nexit');
    const error = errorOf(() => Program.load({ name: 'bad', type: 'kprobe', code, license: 'MIT' }));
    expect(hintKind((error as VerifierError).excerpt.messages[0]!)).toBe('gpl');
    expect(error.hint).toMatchInlineSnapshot(
      `"it is for GPL-compatible programs only: .license "GPL", or in C char _license[] SEC("license") = "GPL";"`,
    );
  });

  test('a program without types has its source lines from the object', () => {
    const source = { name: 'bad.s', text: '.program bad, "xdp"\nr0 = r7\nexit\n' };
    const bytes = writeElf(assembleOrThrow(source).object);
    const { excerpt } = errorOf(() => loadCollection(bytes)) as VerifierError;
    expect(excerpt).toMatchObject({ source: 'r0 = r7 @ bad.s:2', place: { file: 'bad.s', line: 2 } });
  });

  test('a log of several MiB is cut to its end, which explains the refusal, and is whole where asked for', () => {
    const lines = Array.from({ length: 30_000 }, (_, index) => `r0 += ${index}`);
    const code = codeOf(['r0 = 0', ...lines, 'r0 = r9', 'exit'].join('\n'));
    const refuse = (options: LogOptions): VerifierError =>
      errorOf(() => Program.load({ name: 'long', type: 'xdp', code, ...options })) as VerifierError;
    const [end, whole] = [refuse({}), refuse({ verifierLog: 'whole' })];
    for (const { excerpt, errnoName } of [end, whole]) {
      expect(excerpt).toMatchObject({ slot: 30_001, messages: ['R9 !read_ok'] });
      expect(errnoName).toBe('EACCES');
    }
    expect(whole.truncated).toBe(false);
    expect(whole.log).toMatch(/^0: /);
    // Before Linux 6.4 the end is there only with all that comes before it.
    if (end.truncated) {
      expect(end.log.length).toBeLessThanOrEqual(2 ** 20);
      expect(end.logSize).toBe(whole.logSize);
      // What is kept begins with a whole line.
      expect(`\n${whole.log}`.endsWith(`\n${end.log}`)).toBe(true);
      expect(end.message).toMatch(/the log is cut: its last 1\.0 MiB of 1\.\d MiB are here; verifierLog/);
    } else expect(end.log).toBe(whole.log);
  });

  test('a program that is too complex says where it was', () => {
    const text = '.program bad, "xdp"\nr0 = 0\nagain: r0 += 1\nif r0 != 10000000 goto again\nr0 = 0\nexit';
    const { errnoName, excerpt, truncated } = refusal(text);
    expect(excerpt.messages[0]).toMatch(/^BPF program is too large\. Processed \d+ insn$/);
    expect([errnoName, truncated]).toEqual(['E2BIG', true]);
  });

  test('a log of level 2 has every step with all states', () => {
    const code = codeOf('r0 = r9\nexit');
    const { log, excerpt } = errorOf(() =>
      Program.load({ name: 'bad', type: 'xdp', code, logLevel: 2 }),
    ) as VerifierError;
    expect(log).toContain('func#0 @0');
    expect(excerpt.messages).toEqual(['R9 !read_ok']);
  });
});
