/**
 * The name without what stands behind its last `___`: `task_struct` of `task_struct___old`. A type
 * may be declared several times under such flavors; all stand for the kernel's one
 * (Linux, `Documentation/bpf/llvm_reloc.rst` and `bpf_core_read.h`).
 */
export function essentialName(name: string): string {
  // The three underscores are bounded by others on neither side, and something stands before and behind.
  for (let at = name.length - 5; at >= 0; at--) {
    if (isSeparator(name, at)) return name.slice(0, at + 1);
  }
  return name;
}

const UNDERSCORE = 0x5f;

function isSeparator(name: string, at: number): boolean {
  return (
    name.charCodeAt(at + 1) === UNDERSCORE &&
    name.charCodeAt(at + 2) === UNDERSCORE &&
    name.charCodeAt(at + 3) === UNDERSCORE &&
    name.charCodeAt(at) !== UNDERSCORE &&
    name.charCodeAt(at + 4) !== UNDERSCORE
  );
}

/** Both without names, or with the same one but for flavors. */
export function namesMatch(local: string, target: string): boolean {
  return local === target || essentialName(local) === essentialName(target);
}
