/** The dumps that can be read: what `llvm-objdump -d`, the kernel's verifier and `bpftool prog dump xlated` print. */
export type DumpKind = 'objdump' | 'verifier-log' | 'xlated';

/** Dumps give themselves away near their beginning; a program that libbpf tries to load may be chatty before. */
const WINDOW = 16 * 1024;

const OBJDUMP =
  /^(?:.+:\tfile format \S+|Disassembly of section .*:|[ \t]*[0-9a-f]+:\t(?:[0-9a-f]{2} ){7}[0-9a-f]{2}\t.*)$/m;
/** `12: (b7) r0 = 1`, as both the verifier and bpftool print it. */
const LISTED = /^[ \t]*\d+: (?:[.0-9]{10,11} )?\([0-9a-f]{2}\) \S/m;
const VERIFIER =
  /^(?:.*-- BEGIN PROG LOAD LOG --|func#\d+ @\d+|Live regs before insn:|\d+: (?:R\d|\([0-9a-f]{2}\) )|processed \d+ insns|from \d+ to \d+)/m;

/** Whoever quotes a dump in a comment writes directives too. */
const DIRECTIVE = /^[ \t]*\.[a-z]/m;

/**
 * What kind of dump a text is; undefined for assembly. The patterns are of lines that no assembly
 * has: a number and a colon begin them, or they are headings.
 */
export function dumpKindOf(text: string): DumpKind | undefined {
  const head = text.slice(0, WINDOW);
  if (DIRECTIVE.test(head)) return undefined;
  if (OBJDUMP.test(head)) return 'objdump';
  if (!LISTED.test(head)) return undefined;
  return VERIFIER.test(head) ? 'verifier-log' : 'xlated';
}
