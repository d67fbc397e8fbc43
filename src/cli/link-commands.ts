import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Run } from './program.ts';

/** Options that other commands have too. */
export interface SharedOptions {
  readonly json: () => Option;
  readonly license: () => Option;
  readonly count: (text: string) => number;
}

const LINK = 'its id, or the path of its pin; or with the word id or pinned in front';
const PROGRAM = [
  '--program <name>',
  'of an object: function or section (default: the only program)',
] as const;
/** What is attached. */
const SOURCE = [
  '<program...>',
  'an object or assembly text; or of a loaded program what tsbpf prog show takes',
] as const;
const PIN_LINK = ['--pin <path>', 'pin the link there and end, in place of staying until Ctrl-C'] as const;

function wholeNumber(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isInteger(number) && number >= 0 && number < 2 ** 32) return number;
  throw new InvalidArgumentError('it takes a whole number from 0');
}

/** `link`, `net`, `attach` and the commands by kind of target. */
export function addLinkCommands(program: Command, run: Run, shared: SharedOptions): void {
  addBpfLinks(program, run, shared);
  program
    .command('net')
    .summary('show what XDP, tcx and tc run on the interfaces')
    .argument('[interface]', 'default: all that have a program')
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).net));
  addTraceCommands(program, run, shared);
  addTcCommands(program, run, shared);
  addCgroupCommands(program, run, shared);
}

/** Below `link`, which joins objects where none of these words follows. */
function addBpfLinks(program: Command, run: Run, shared: SharedOptions): void {
  const link = program.commands.find((command) => command.name() === 'link')!;
  for (const name of ['list', 'show']) {
    link
      .command(name)
      .summary(name === 'list' ? 'list the BPF links of this machine' : 'show one BPF link, or all')
      .argument('[link...]', LINK)
      .addOption(shared.json())
      // `--json` is an option of the command above too, which takes it first.
      .action((which: string[], _options: unknown, command: Command) =>
        run(async () => (await import('./commands/on-kernel.ts')).link.show)(
          which,
          command.optsWithGlobals(),
        ),
      );
  }
  link
    .command('detach')
    .summary('take a BPF link’s program off, whoever holds the link')
    .argument('<link...>', LINK)
    .addOption(shared.json())
    .action((which: string[], _options: unknown, command: Command) =>
      run(async () => (await import('./commands/on-kernel.ts')).link.detach)(
        which,
        command.optsWithGlobals(),
      ),
    );
}

function addTraceCommands(program: Command, run: Run, shared: SharedOptions): void {
  const pid = (): Option => new Option('--pid <pid>', 'only this process').argParser(shared.count);
  program
    .command('attach')
    .summary('attach a program to what its section names')
    .description(
      'Attaches a program of FILE to what its section names (tracepoint/syscalls/sys_enter_execve, uprobe//bin/bash:readline …) and stays until Ctrl-C; of an iterator it prints the text.',
    )
    .argument('<file>')
    .option(...PROGRAM)
    .option(...PIN_LINK)
    .addOption(pid())
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.attach));
  program
    .command('tracepoint')
    .summary('attach a program to a tracepoint until Ctrl-C')
    .argument('<category/name>')
    .argument(...SOURCE)
    .option(...PROGRAM)
    .option(...PIN_LINK)
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.tracepoint));
  program
    .command('raw-tracepoint')
    .summary('attach a program to a raw tracepoint until Ctrl-C')
    .argument('<name>')
    .argument(...SOURCE)
    .option(...PROGRAM)
    .option(...PIN_LINK)
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.rawTracepoint));
  program
    .command('uprobe')
    .summary('attach a program to a function of a program or library until Ctrl-C')
    .argument('<path:function>', 'or PATH:0xOFFSET in the file')
    .argument(...SOURCE)
    .option('--ret', 'when the function returns')
    .option(...PROGRAM)
    .option(...PIN_LINK)
    .addOption(pid())
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.uprobe));
  program
    .command('struct-ops')
    .alias('struct_ops')
    .summary('give the kernel a struct of functions, such as a congestion control, until Ctrl-C')
    .argument('<file>', 'an object or assembly text')
    .option('--name <name>', 'of the struct’s variable in the object (default: the only one)')
    .option(...PIN_LINK)
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).structOps));
}

function addTcCommands(program: Command, run: Run, shared: SharedOptions): void {
  const tc = program.command('tc').description('Attach, show and detach filters of tc');
  const direction = (): Option =>
    new Option('--direction <direction>', 'which way packets go')
      .choices(['ingress', 'egress'])
      .default('ingress');
  tc.command('attach')
    .summary('attach a program as a filter on clsact')
    .description('Attaches a tc program. It stays when the command ends, until `tsbpf tc detach`.')
    .argument('<interface>')
    .argument(...SOURCE)
    .addOption(direction())
    .addOption(new Option('--priority <number>', 'lower ones run first').argParser(shared.count))
    .addOption(new Option('--handle <number>', 'among those of a priority').argParser(shared.count))
    .addOption(new Option('--chain <number>', 'default: 0').argParser(wholeNumber))
    .option('--replace', 'take the place of the filter with this priority and handle')
    .option('--no-direct-action', 'the program answers with a class and not with a verdict')
    .option('--pin <dir>', 'pin programs and maps there: what a filled prog array needs to live on')
    .option(...PROGRAM)
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.tcAttach));
  tc.command('show')
    .summary('show the filters of BPF on an interface')
    .argument('<interface>')
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.tcShow));
  tc.command('detach')
    .summary('detach filters of BPF')
    .argument('<interface>')
    .addOption(direction())
    .addOption(new Option('--priority <number>', 'default: all of them').argParser(shared.count))
    .addOption(new Option('--handle <number>', 'default: all of a priority').argParser(shared.count))
    .addOption(new Option('--chain <number>', 'default: every chain').argParser(wholeNumber))
    .option(
      '--protocol <protocol>',
      'only those of ip, ipv6, arp … or of a number; all for those that see everything',
    )
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.tcDetach));
}

function addCgroupCommands(program: Command, run: Run, shared: SharedOptions): void {
  const cgroup = program.command('cgroup').description('Attach programs to cgroups and show them');
  cgroup
    .command('attach')
    .summary('attach a program to a cgroup until Ctrl-C')
    .argument('<path>', 'the folder of a cgroup of version 2')
    .argument(...SOURCE)
    .option('--attach-type <name>', 'default: what the section says; cgroup_inet_ingress …')
    .option(...PROGRAM)
    .option(...PIN_LINK)
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.cgroupAttach));
  cgroup
    .command('detach')
    .summary('detach programs that no link holds')
    .argument('<path>', 'the folder of a cgroup of version 2')
    .option('--attach-type <name>', 'default: every one')
    .option('--id <number>', 'only the program with this id', shared.count)
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).attach.cgroupDetach));
  cgroup
    .command('show')
    .summary('show the programs of a cgroup')
    .argument('<path>')
    .option('--effective', 'those of cgroups above that run there too')
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).cgroupShow));
  cgroup
    .command('tree')
    .summary('show the programs of all cgroups that have some')
    .argument('[root]', 'default: where cgroups of version 2 are mounted')
    .option('--effective', 'those of cgroups above that run there too')
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).cgroupTree));
}
