// The main job from file to kernel, step by step: `npm run demo`. Where bpf(2) cannot be used it says
// what is missing and shows everything up to the load.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assembleOrThrow, disassemble } from 'tsbpf/asm';
import { readObject, writeElf } from 'tsbpf/elf';
import { enumName, ProgType } from 'tsbpf/isa';
import { canUseBpf } from 'tsbpf/kernel';
import { link, programsOf } from 'tsbpf/object';

const indent = (text: string): string => text.trim().replace(/^/gm, '   ');
let steps = 0;
const step = (title: string): void => console.log(`\n${++steps}. ${title}`);

step('Assemble bpf/drop_world.s: text becomes an ELF object');
const text = readFileSync('bpf/drop_world.s', 'utf8');
console.log(indent(text));
const assembled = assembleOrThrow({ name: 'bpf/drop_world.s', text }).object;
console.log(`   -> ${writeElf(assembled).length} bytes of ELF, which hold`);
console.log(indent(disassemble(assembled, { name: 'drop_world.o' }).replace(/^[\s\S]*?section/, 'section')));

step('Read bpf/protocol_dispatch.o, which clang made: programs, maps, tail-call slots');
const spec = readObject(new Uint8Array(readFileSync('bpf/protocol_dispatch.o')));
for (const program of programsOf(spec)) {
  const type = enumName(ProgType, program.program?.progType ?? 0);
  console.log(
    `   program ${program.name} in section ${program.section}: type ${type}, ${program.code.length / 8} slots`,
  );
}
for (const map of spec.maps.values()) {
  const slots = map.contents.flatMap((entry) =>
    entry.kind === 'program' ? [`[${entry.key}] = ${entry.program}`] : [],
  );
  console.log(
    `   map ${map.name}: ${map.maxEntries} entries${slots.length > 0 ? `, ${slots.join(', ')}` : ''}`,
  );
}

step('Link packet_classifier: what is still a name, and where it stands in the code');
for (const relocation of link(spec, 'packet_classifier').relocations) {
  const target = 'map' in relocation ? relocation.map : relocation.kind === 'extern' ? relocation.name : '';
  console.log(`   slot ${relocation.slot}: ${relocation.kind} ${target}`);
}

const bpf = canUseBpf();
if (!bpf.ok) {
  step('The kernel part is left out');
  console.log(`   ${bpf.reason}`);
  if (bpf.hint !== undefined) console.log(`   ${bpf.hint}`);
} else {
  const show = (title: string, ...command: string[]): void => {
    step(title);
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    console.log(indent(stdout + stderr));
    if (status !== 0) process.exitCode = 1;
  };
  const example = (name: string, ...args: string[]): string[] => [
    join('scripts', 'run-ts.mjs'),
    `examples/${name}.ts`,
    ...args,
  ];
  const cli = join('dist', 'cli.cjs');
  show(
    'Load it: maps, programs, and the slots that the object fills',
    cli,
    'load',
    'bpf/protocol_dispatch.o',
  );
  show('Run it on an ICMP, a TCP and a UDP frame, then without slot 1', ...example('protocol-dispatch'));
  show(
    'Drop the world: XDP from clang on a veth pair, generic mode',
    ...example('drop-the-world', 'bpf/drop_world.o', 'generic'),
  );
  show(
    'Drop the world again: the assembly text, native mode',
    ...example('drop-the-world', 'bpf/drop_world.s', 'native'),
  );
  show(
    'Fill a jump table from user space, ask for wrong slots, run into the limit',
    ...example('jump-table'),
  );
}
