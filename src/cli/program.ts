import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ExitCode } from './exit.ts';
import { addInspectCommands } from './inspect-commands.ts';
import { addLinkCommands } from './link-commands.ts';
import { report } from './report.ts';

/** What a command answers: the exit code, or nothing for 0. */
type Handler<A extends unknown[]> = (...args: A) => Promise<ExitCode | undefined>;

/** Runs the command line and answers the exit code. Errors are told here and nowhere else. */
export async function main(args: readonly string[], version: string): Promise<ExitCode> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that has seen enough (`| head`) is no failure.
      if (error.code === 'EPIPE') process.exit(ExitCode.ok);
      // A disk that is full is not the user's mistake and not ours.
      if (stream === process.stdout)
        process.stderr.write(`error: cannot write to stdout: ${error.message}\n`);
      process.exit(ExitCode.rejected);
    });
  }
  let exitCode: ExitCode = ExitCode.ok;
  const json = args.includes('--json');
  const run: Run =
    (load) =>
    async (...given) => {
      try {
        exitCode = (await (await load())(...given)) ?? ExitCode.ok;
      } catch (error) {
        exitCode = report(error, json);
      }
    };
  const program = new Command('tsbpf')
    .description('Assembles, inspects, links and loads eBPF programs')
    .version(version, '-V, --version', 'print the version')
    .showHelpAfterError('(tsbpf --help lists the commands)')
    .option('-n, --netns <netns>', 'work in this network namespace: its name, a process in it, or a path')
    .hook('preAction', async (root) => {
      const { netns } = root.opts<{ netns?: string }>();
      if (netns !== undefined) (await import('./commands/on-kernel.ts')).enterNetworkNamespace(netns);
    })
    .exitOverride()
    .addHelpText('after', HELP);
  addFileCommands(program, run);
  addObjectCommands(program, run);
  addKernelCommands(program, run);
  addXdpCommands(program, run);
  addReaderCommands(program, run);
  addMachineCommands(program, run);
  const shared = { json: jsonOption, license: licenseOption, count: parseCount };
  addLinkCommands(program, run, shared);
  addInspectCommands(program, run, shared);
  addDocCommand(program, run);
  pointToHelp(program, 'tsbpf');
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, json);
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  }
  return exitCode;
}

/** Behind a mistake, which command's help tells more. */
function pointToHelp(above: Command, path: string): void {
  for (const command of above.commands) {
    const name = `${path} ${command.name()}`;
    const what = command.commands.length > 0 ? 'lists its commands' : 'shows what it takes';
    command.showHelpAfterError(`(${name} --help ${what})`);
    pointToHelp(command, name);
  }
}

const HELP = `
FILE is an ELF object or an assembly text; - is stdin.
Exit codes: 0 ok, 1 rejected or not valid, 2 usage, 3 not permitted or not supported here.`;

/** Makes an action of a command whose module is imported only when it is called. */
export type Run = <A extends unknown[]>(load: () => Promise<Handler<A>>) => (...given: A) => Promise<void>;

const jsonOption = (): Option => new Option('--json', 'print one JSON document on stdout');
const endianOption = (): Option =>
  new Option('--endian <order>', 'byte order').choices(['little', 'big']).default('little');
const styleOption = (): Option =>
  new Option('--style <style>', 'how instructions are written').choices(['llvm', 'mnemonic']);
const typeOption = (): Option =>
  new Option('--type <type>', 'program type where the section name does not tell: xdp, sched_cls …');
const licenseOption = (): Option => new Option('--license <text>', 'licence in place of the object’s');
/** A whole number from 1 on that fits the kernel's u32. */
function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count < 2 ** 32) return count;
  throw new InvalidArgumentError('it takes a whole number from 1');
}

const collected = (value: string, previous: string[] = []): string[] => [...previous, value];

function addFileCommands(program: Command, run: Run): void {
  program
    .command('asm')
    .summary('assemble a text into an object')
    .description('Assembles FILE into an ELF object that every BPF loader takes, or into raw instructions.')
    .argument('<file>', 'assembly text')
    .option('-o, --output <file>', 'where to write (default: the name with .o, or - for stdin)')
    .option('--raw [section]', 'write the bare instructions of one section')
    .addOption(
      new Option('--from <kind>', 'FILE is a dump (default: as it looks)').choices([
        'objdump',
        'verifier-log',
        'xlated',
      ]),
    )
    .option('--map <slot=name>', 'what map a dump’s instruction loads (may be repeated)', collected)
    .addOption(
      new Option('--mcpu <version>', 'the instruction set: from v4 on a goto that is too far becomes gotol')
        .choices(['v1', 'v2', 'v3', 'v4'])
        .default('v4'),
    )
    .option('--watch', 'assemble again whenever FILE or what it includes changes')
    .addOption(
      new Option('--format <format>', 'how problems are told; json is --json').choices(['text', 'json']),
    )
    .addOption(endianOption())
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/asm.ts')).asm));
  program
    .command('disasm')
    .summary('print the instructions of an object')
    .description('Prints what llvm-objdump -d -r prints.')
    .argument('<file>', 'object, assembly text, or with --raw bare instructions')
    .option('--raw', 'the file holds bare instructions')
    .option('--no-relocations', 'leave the relocations out')
    .addOption(styleOption())
    .addOption(endianOption())
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-files.ts')).disasm));
  program
    .command('fmt')
    .summary('format assembly texts')
    .description(
      'Prints FILES formatted; with --style in one dialect, converted where they are in the other. Lines that cannot be read stay as they are.',
    )
    .argument('<files...>', 'assembly texts')
    .addOption(styleOption())
    .option('--check', 'print the names of files that are not formatted, and fail if there are any')
    .option('--write', 'write the files')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-files.ts')).fmt));
  program
    .command('inspect')
    .summary('show what an object holds')
    .description('Shows programs with their tags, maps, tail calls, variables, externs and sections.')
    .argument('<file>')
    .option('--all', 'the headers, symbols and relocations too')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-files.ts')).inspect));
}

function addObjectCommands(program: Command, run: Run): void {
  program
    .command('readelf')
    .summary('show the sections, symbols and relocations of an object')
    .description('Prints what llvm-readelf -W prints; all of it unless parts are chosen.')
    .argument('<file>')
    .option('-a, --all', 'everything (the default)')
    .option('-h, --file-header', 'the file header')
    .option('-S, --sections', 'the section headers')
    .option('-r, --relocs', 'the relocations')
    .option('-s, --symbols', 'the symbols')
    .addOption(jsonOption())
    .helpOption('--help', 'display help for command')
    .action(run(async () => (await import('./commands/on-files.ts')).readelf));
  program
    .command('link')
    .summary('join objects into one; list, show and detach BPF links')
    .description('Links objects statically: what one declares extern, another defines.')
    .argument('<files...>', 'objects or assembly texts')
    // Not required by commander: it would ask the commands below for it too.
    .option('-o, --output <file>', 'the object to write')
    .addOption(jsonOption())
    .action((files: string[], options: { output: string }, command: Command) => {
      if (options.output === undefined)
        command.error("error: required option '-o, --output <file>' not specified");
      return run(async () => (await import('./commands/on-files.ts')).link)(files, options);
    });
  program
    .command('strip')
    .summary('leave debug information out of an object')
    .description('Drops DWARF and what only it needs; BTF stays.')
    .argument('<file>')
    .option('-o, --output <file>', 'where to write (default: the file itself)')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-files.ts')).strip));
  program
    .command('gen')
    .summary('make a TypeScript module of a C file or an object')
    .description(
      'Compiles SOURCE with clang (or takes an object) and writes a module that holds the object, loads it, and has its programs, maps and variables with their types. What follows -- goes to the compiler.',
    )
    .usage('[options] [name] <source> [-- cflags...]')
    .argument('<name-or-source>')
    .argument('[rest...]')
    .option('--cc <compiler>', 'default: BPF_CLANG, or clang')
    .option('--cflags <flags>', 'default: BPF_CFLAGS')
    .option('--target <targets>', 'bpfel, bpfeb or both with a comma', 'bpfel,bpfeb')
    .option(
      '--type <name>',
      'a C type to declare besides those of maps and variables (may be repeated)',
      collected,
    )
    .option('--exact-names', 'keep the C names of types')
    .option('--output-dir <dir>', 'where to write', '.')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-files.ts')).gen));
  addBtfCommands(program, run);
}

type BtfDumpOptions = Parameters<typeof import('./commands/on-files.ts')['btf']['dump']>[1];

const BTF_SOURCES = `
Types that the kernel holds are named as in tsbpf map show and tsbpf prog show:

  tsbpf btf dump id 7
  tsbpf btf dump map counts --format c
  tsbpf btf dump prog /sys/fs/bpf/classify`;

function addBtfCommands(program: Command, run: Run): void {
  const btf = program.command('btf').description('Show and trim BPF type information');
  btf
    .command('dump')
    .summary('print types')
    .argument('<source...>', 'an object, or bare BTF such as /sys/kernel/btf/vmlinux; or see below')
    .addOption(new Option('--format <format>', 'how').choices(['c', 'ts', 'json', 'raw']).default('raw'))
    .option('--root <name>', 'only this type and what it needs, in c and ts (may be repeated)', collected)
    .addOption(jsonOption())
    .addHelpText('after', BTF_SOURCES)
    .action(
      run(async () => async (words: string[], options: BtfDumpOptions) => {
        if (words.length > 1) return (await import('./commands/on-kernel.ts')).btfDump(words, options);
        return (await import('./commands/on-files.ts')).btf.dump(words[0]!, options);
      }),
    );
  btf
    .command('min')
    .summary('cut out of a kernel’s BTF what objects need')
    .description(
      'Writes the BTF that the CO-RE relocations of the objects ask for, for kernels that have none.',
    )
    .argument('<objects...>')
    .requiredOption('-o, --output <file>', 'the BTF to write')
    .option('--from <file>', 'the kernel’s BTF', '/sys/kernel/btf/vmlinux')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-files.ts')).btf.minimal));
}

function addKernelCommands(program: Command, run: Run): void {
  program
    .command('load')
    .summary('load programs and maps into the kernel')
    .description(
      'Loads the programs of FILE. Without --pin they are gone when the command ends: it proves that the kernel takes them.',
    )
    .argument('<file>')
    .option(
      '--program <name>',
      'only this one and what it tail-calls (may be repeated; function or section)',
      collected,
    )
    .option('--pin <dir>', 'keep programs and maps by pinning them in a directory of a BPF file system')
    .option(
      '--map <name=map>',
      'a map of this machine in place of the object’s NAME, by its id, pin or name (may be repeated)',
      collected,
    )
    .option('--device <interface>', 'load XDP programs for this interface alone')
    .option('--log <file>', 'where the verifier’s whole log goes if it refuses a program')
    .addOption(typeOption())
    .addOption(licenseOption())
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-kernel.ts')).load));
  program
    .command('run')
    .summary('run a program once on a packet')
    .description('Runs a program on a packet and prints what it returned and what became of the packet.')
    .argument('<file>')
    .requiredOption('--packet <file>', 'the packet: hex text or raw bytes')
    .addOption(
      new Option('--packet-format <format>', 'in place of looking at the bytes').choices(['hex', 'raw']),
    )
    .option('--program <name>', 'function or section (default: the only program)')
    .addOption(new Option('--engine <engine>', 'what runs it').choices(['kernel']).default('kernel'))
    .addOption(new Option('--repeat <count>', 'how often').argParser(parseCount).default(1))
    .addOption(typeOption())
    .addOption(licenseOption())
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-kernel.ts')).run));
}

function addReaderCommands(program: Command, run: Run): void {
  const follow = (command: Command): Command =>
    command
      .addOption(new Option('--count <records>', 'end after so many').argParser(parseCount))
      .addOption(new Option('--timeout <seconds>', 'end after so long without any').argParser(parseCount))
      .option('--json', 'print a JSON document a line for each record');
  const typed = (command: Command): Command =>
    follow(
      command.argument(
        '<map...>',
        'its id, the path of its pin, or its name; or with the word id, pinned or name in front',
      ),
    )
      .option('--type <name>', 'show records by this type (default: as hexadecimal bytes)')
      .option('--btf <file>', 'the object that has the type (default: the kernel)');
  typed(
    program
      .command('ring')
      .description('Read BPF ring buffers')
      .command('tail')
      .summary('print records of a ring buffer as they come'),
  ).action(run(async () => (await import('./commands/on-kernel.ts')).ringTail));
  typed(
    program
      .command('perf')
      .description('Read perf buffers')
      .command('tail')
      .summary('print records of a perf event array as they come')
      .description(
        'Prints what programs write with bpf_perf_event_output. Takes the slots of the map from whoever reads it now.',
      ),
  ).action(run(async () => (await import('./commands/on-kernel.ts')).perfTail));
  follow(
    program
      .command('trace')
      .summary('print what programs print with bpf_printk')
      .description('Prints the lines of trace_pipe as they come; each goes to one reader only.')
      .option('--mount', 'mount tracefs where it is not mounted'),
  ).action(run(async () => (await import('./commands/on-kernel.ts')).trace));
}

function addXdpCommands(program: Command, run: Run): void {
  const xdp = program.command('xdp').description('Attach, show and detach XDP programs');
  const modeOption = (): Option =>
    new Option('--mode <mode>', 'default: the kernel chooses').choices(['generic', 'native', 'offload']);
  xdp
    .command('attach')
    .summary('attach a program to an interface')
    .description(
      'Attaches an XDP program over rtnetlink. It stays when the command ends, until `tsbpf xdp detach`.',
    )
    .addHelpText(
      'after',
      `
  tsbpf xdp attach veth0 drop.o --mode native
  tsbpf xdp attach veth0 /sys/fs/bpf/drop --replace`,
    )
    .argument('<interface>')
    .argument('<program...>', 'an object or assembly text; or of a loaded program what tsbpf prog show takes')
    .option('--program <name>', 'of an object: function or section (default: the only XDP program)')
    .addOption(modeOption())
    .option('--bound', 'load it for this interface alone: then its kfuncs may ask the driver about a packet')
    .option('--replace', 'take the place of a program that is attached already')
    .option('--pin <dir>', 'pin programs and maps there: what a filled prog array needs to live on')
    .option('--foreground', 'stay, and detach on Ctrl-C')
    .addOption(licenseOption())
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-kernel.ts')).xdp.attach));
  xdp
    .command('show')
    .summary('show what is attached')
    .argument('[interface]', 'default: all that have a program')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-kernel.ts')).xdp.show));
  xdp
    .command('detach')
    .summary('detach whatever is attached')
    .argument('<interface>')
    .addOption(modeOption())
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-kernel.ts')).xdp.detach));
}

function addMachineCommands(program: Command, run: Run): void {
  program
    .command('features')
    .summary('show what this kernel can do')
    .description(
      'Asks the kernel what it has, and answers yes, no, or not told with the reason. WORD is a kind (program, map, helper, isa, attach, link, kfunc, btf, command, kernel, option) or one name (map/arena, helper/xdp/bpf_redirect); the exit code then tells. Without one it shows all but helpers and kfuncs.',
    )
    .usage('[options] [word...]')
    .argument('[words...]')
    .option('--from <file>', 'answers that --json printed on another machine, in place of this kernel')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-kernel.ts')).features));
  program
    .command('doctor')
    .summary('show what will not work here, why, and what mends it')
    .description(
      'Looks at the machine and the process, and prints what is not as it should be. Exits with 1 where something is broken and can be mended, with 3 where nothing can be loaded.',
    )
    .option('--all', 'what is in order, too')
    .option('--fix', 'mount bpffs and tracefs first, where they are not')
    .option('--stale', 'show attachments and pins that outlived their process')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/on-kernel.ts')).doctor));
}

function addDocCommand(program: Command, run: Run): void {
  program
    .command('doc')
    .summary('explain an instruction, helper, map or program type, directive, kfunc or constant')
    .description(
      'Shows what NAME is. KIND is helper, insn, map, prog, directive, kfunc or constant; alone it lists all of them. An instruction is found by its mnemonic, its opcode or its text: tsbpf doc insn "r1 += r2".',
    )
    .usage('[options] [kind] [name]')
    .argument('[words...]')
    .option('--markdown', 'print Markdown')
    .addOption(jsonOption())
    .action(run(async () => (await import('./commands/doc.ts')).doc));
}
