// Asks a C compiler where the members of the kernel's structs lie, from the running kernel's own
// BTF, and writes test/syscall/vectors/attr-offsets.json. Needs bpftool and clang.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAYOUTS } from '../test/syscall/layouts.ts';

const dir = mkdtempSync(join(tmpdir(), 'attr-offsets-'));
try {
  const header = execFileSync(
    '/usr/sbin/bpftool',
    ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'],
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const lines = LAYOUTS.flatMap(({ layout, type, prefix, aliases, without }) =>
    Object.keys(layout.fields).flatMap((field) => {
      if (without?.includes(field)) return [];
      const member = (prefix ?? '') + (aliases?.[field] ?? field);
      return `  printf("${layout.name} ${field} %lu\\n", (unsigned long)__builtin_offsetof(${type}, ${member}));`;
    }),
  );
  writeFileSync(join(dir, 'vmlinux.h'), header);
  writeFileSync(
    join(dir, 'offsets.c'),
    `#include "vmlinux.h"\nextern int printf(const char *, ...);\nint main(void)\n{\n${lines.join('\n')}\n  return 0;\n}\n`,
  );
  execFileSync('clang-19', ['-w', '-o', join(dir, 'offsets'), join(dir, 'offsets.c')]);
  const offsets: Record<string, Record<string, number>> = {};
  for (const line of execFileSync(join(dir, 'offsets'), { encoding: 'utf8' }).trim().split('\n')) {
    const [layout, field, offset] = line.split(' ') as [string, string, string];
    offsets[layout] = { ...offsets[layout], [field]: Number(offset) };
  }
  writeFileSync('test/syscall/vectors/attr-offsets.json', `${JSON.stringify(offsets, null, 1)}\n`);
} finally {
  rmSync(dir, { recursive: true });
}
