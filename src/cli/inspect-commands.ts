import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SharedOptions } from './link-commands.ts';
import type { Run } from './program.ts';

const MAP = 'its id, the path of its pin, or its name; or with the word id, pinned or name in front';
const PROGRAM = 'its id, the path of its pin, or its name; or with the word id, pinned, name or tag in front';
const INPUT = `
Keys and values are numbers (7, -1, 0x10), bytes ('hex 00 01'), JSON by the map's type ('{"pid": 1}'), the name
of an enumerator, and for an LPM trie a prefix (10.0.0.0/8). A prog array takes a program, a map of maps a map,
each by its id, its pin or its name. Those of several words stand in quotes, or behind: key … value …

  tsbpf map get counts 7
  tsbpf map set counts 7 '{"packets": 1}'
  tsbpf map set jumps 6 name handle_tcp
  tsbpf map set id 12 key hex 07 00 00 00 value 1 0 0 0 noexist`;

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('it takes seconds, from more than 0 to 86400');
}

const interval = (): Option =>
  new Option('--interval <seconds>', 'between two looks').argParser(seconds).default(1);
const looks = (shared: SharedOptions): Option =>
  new Option('--count <looks>', 'end after so many').argParser(shared.count);
const jsonLines = (): Option => new Option('--json', 'print a JSON document a line');

type MapCommands = typeof import('./commands/map.ts');
type ProgCommands = typeof import('./commands/prog.ts');
type TcCommands = typeof import('./commands/tc.ts');

const maps = async (): Promise<MapCommands> => (await import('./commands/on-kernel.ts')).map;
const programs = async (): Promise<ProgCommands> => (await import('./commands/on-kernel.ts')).prog;
const tcs = async (): Promise<TcCommands> => (await import('./commands/on-kernel.ts')).tc;

/** `map`, `prog`, `pin`, `unpin`, `iter`, and what `btf`, `tc` and `cc` have for the kernel's side. */
export function addInspectCommands(program: Command, run: Run, shared: SharedOptions): void {
  addMapCommands(program, run, shared);
  addMapMakers(program, run, shared);
  addMapFollowers(program, run, shared);
  addProgCommands(program, run, shared);
  addPinCommands(program, run, shared);
  addBtfObjects(program, run, shared);
  addTcObjects(program, run, shared);
  addCompiler(program, run, shared);
}

function addMapCommands(program: Command, run: Run, shared: SharedOptions): void {
  const map = program.command('map').description('Show, read and change the maps of this machine');
  map
    .command('list')
    .summary('list the maps, as bpftool does')
    .addOption(shared.json())
    .action((options: object) => run(async () => (await maps()).show)([], options));
  map
    .command('show')
    .summary('show one map, or all')
    .argument('[map...]', MAP)
    .addOption(shared.json())
    .action(run(async () => (await maps()).show));
  map
    .command('dump')
    .summary('print the entries of a map')
    .description(
      'Prints what is in a map, as bpftool does: by its types where it was made with some, in hexadecimal otherwise.',
    )
    .argument('<map...>', MAP)
    .option('--hex', 'in hexadecimal, types or not')
    .addOption(shared.json())
    .action(run(async () => (await maps()).dump));
  map
    .command('get')
    .alias('lookup')
    .summary('print the value of a key')
    .argument('<map-and-key...>', 'the map, then the key')
    .option('--hex', 'in hexadecimal, types or not')
    // A negative number looks like an option.
    .allowUnknownOption()
    .addOption(shared.json())
    .addHelpText('after', INPUT)
    .action(run(async () => (await maps()).get));
  map
    .command('set')
    .alias('update')
    .summary('set the value of a key')
    .argument('<map-key-and-value...>', 'the map, then key and value')
    .option('--if-absent', 'only where the key is not there yet')
    .option('--if-present', 'only where the key is there')
    // A negative number looks like an option.
    .allowUnknownOption()
    .addOption(shared.json())
    .addHelpText('after', INPUT)
    .action(run(async () => (await maps()).set));
  map
    .command('delete')
    .summary('delete a key')
    .argument('<map-and-key...>', 'the map, then the key')
    // A negative number looks like an option.
    .allowUnknownOption()
    .addOption(shared.json())
    .addHelpText('after', INPUT)
    .action(run(async () => (await maps()).remove));
}

const SHAPE = `
WORDS are pairs: type TYPE, key BYTES, value BYTES, entries COUNT, name NAME, flags FLAGS, inner MAP, extra NUMBER.
FLAGS are a number, or names with commas: no_prealloc,rdonly_prog. What a type has in one way only may be left
out; the name is that of the pin, where it is left out. tsbpf doc map TYPE shows what a type takes.

  tsbpf map create /sys/fs/bpf/counts type hash key 4 value 8 entries 1024
  tsbpf map create /sys/fs/bpf/routes type lpm_trie key 8 value 4 entries 100 flags no_prealloc
  tsbpf map create /sys/fs/bpf/tables type array_of_maps entries 16 inner counts
  tsbpf map create /sys/fs/bpf/events type ringbuf entries 4096`;

/** Beyond keys and values: making maps, closing them to writers, and those without keys. */
function addMapMakers(program: Command, run: Run, shared: SharedOptions): void {
  const map = program.commands.find((command) => command.name() === 'map')!;
  map
    .command('create')
    .summary('make a map and pin it')
    .argument('<path>', 'of the pin, in a BPF file system')
    .argument('<words...>', 'its shape')
    .addOption(shared.json())
    .addHelpText('after', SHAPE)
    .action(run(async () => (await maps()).create));
  map
    .command('freeze')
    .summary('let user space only read a map from now on, for good')
    .argument('<map...>', MAP)
    .addOption(shared.json())
    .action(run(async () => (await maps()).freeze));
  map
    .command('push')
    .alias('enqueue')
    .summary('put a value into a queue, a stack or a bloom filter')
    .argument('<map-and-value...>', 'the map, then the value')
    // A negative number looks like an option.
    .allowUnknownOption()
    .addOption(shared.json())
    .action(run(async () => (await maps()).set));
  map
    .command('pop')
    .alias('dequeue')
    .summary('take the next value out of a queue or a stack')
    .argument('<map...>', MAP)
    .option('--hex', 'in hexadecimal, types or not')
    .addOption(shared.json())
    .action(run(async () => (await maps()).pop));
  map
    .command('peek')
    .summary('print the next value of a queue or a stack, and leave it there')
    .argument('<map...>', MAP)
    .option('--hex', 'in hexadecimal, types or not')
    .addOption(shared.json())
    .action(run(async () => (await maps()).get));
}

function addMapFollowers(program: Command, run: Run, shared: SharedOptions): void {
  const map = program.commands.find((command) => command.name() === 'map')!;
  map
    .command('watch')
    .summary('print what changes in a map, until Ctrl-C')
    .description('Prints the entries (+), and then what was added (+), changed (~) and removed (-).')
    .argument('<map...>', MAP)
    .option('--changes-only', 'do not begin with what is there')
    .addOption(interval())
    .addOption(looks(shared))
    .addOption(jsonLines())
    .action(run(async () => (await maps()).watch));
  map
    .command('top')
    .summary('show which counters of a map grow fastest, until Ctrl-C')
    .description(
      'Takes the numbers in the values for counters, adds up those of all CPUs, and sorts by rate.',
    )
    .argument('<map...>', MAP)
    .option('--by <name>', 'the counter to sort by (default: the fastest of each entry)')
    .addOption(new Option('--limit <rows>', 'rows to show').argParser(shared.count).default(20))
    .addOption(interval())
    .addOption(looks(shared))
    .addOption(jsonLines())
    .action(run(async () => (await maps()).top));
}

function addProgCommands(program: Command, run: Run, shared: SharedOptions): void {
  const prog = program.command('prog').description('Show and dump the programs of this machine');
  prog
    .command('list')
    .summary('list the programs, as bpftool does')
    .addOption(shared.json())
    .action((options: object) => run(async () => (await programs()).show)([], options));
  prog
    .command('show')
    .summary('show one program, or all')
    .argument('[program...]', PROGRAM)
    .addOption(shared.json())
    .action(run(async () => (await programs()).show));
  const dump = prog.command('dump').description('Print the code of a program');
  dump
    .command('xlated')
    .summary('as the verifier rewrote it, with its source lines')
    .argument('<program...>', PROGRAM)
    .option('--opcodes', 'the bytes of each instruction too')
    .option('--linum', 'file, line and column of each source line')
    .option('-o, --output <file>', 'write the bytes of the instructions there')
    .addOption(shared.json())
    .action(run(async () => (await programs()).dumpXlated));
  dump
    .command('jited')
    .summary('as machine code, in hexadecimal')
    .argument('<program...>', PROGRAM)
    .option('-o, --output <file>', 'write the machine code there')
    .addOption(shared.json())
    .action(run(async () => (await programs()).dumpJited));
  prog
    .command('stats')
    .summary('count how often programs run, and how long')
    .description(
      'Has the kernel count for as long as the command runs: for one interval, or with --watch until Ctrl-C.',
    )
    .argument('[program...]', PROGRAM)
    .option('--watch', 'go on until Ctrl-C')
    .addOption(interval())
    .addOption(new Option('--count <looks>', 'with --watch, end after so many').argParser(shared.count))
    .addOption(shared.json())
    .action(run(async () => (await programs()).stats));
  prog
    .command('run')
    .summary('run a program of the kernel, or of an object, on data that is handed in')
    .argument('<program...>', `${PROGRAM}; or an object or assembly text`)
    .option('--data <file>', 'the packet: hex text or raw bytes')
    .option('--ctx <file>', 'the context as the program type has it: hex text or raw bytes')
    .option('--program <name>', 'of an object: function or section (default: the only program)')
    .addOption(new Option('--repeat <count>', 'how often').argParser(shared.count).default(1))
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).progRun));
}

function addPinCommands(program: Command, run: Run, shared: SharedOptions): void {
  program
    .command('pin')
    .summary('pin a program, map or link, or all of an object')
    .description(
      'Pins what the kernel holds at PATH, in a BPF file system. Of kind prog an object file will do, whose program is loaded for it; of kind object, all programs and maps are pinned in the folder PATH.',
    )
    .argument('<kind>', 'prog, map, link or object')
    .argument(
      '<what-and-path...>',
      'an id, a pin or a name, of prog and object a file too; then the path of the pin',
    )
    .option('--replace', 'take the place of what is pinned there, in one step')
    .option('--program <name>', 'of a file: function or section (default: the only program)')
    .option('--type <type>', 'of a file: program type where the section name does not tell')
    .addOption(shared.license())
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).pin.pin));
  for (const kind of ['map', 'prog', 'link'] as const) {
    const pin = program.commands.find((command) => command.name() === kind)!.command('pin');
    if (kind === 'prog') pin.option('--program <name>', 'of a file: function or section');
    pin
      .summary(`as tsbpf pin ${kind}`)
      .argument(
        '<what-and-path...>',
        `an id, a pin${kind === 'map' ? ' or a name' : kind === 'prog' ? ', a name or a file' : ''}; then the path of the pin`,
      )
      .option('--replace', 'take the place of what is pinned there, in one step')
      .addOption(shared.json())
      // `--json` may be an option of the command above too, which takes it first.
      .action((words: string[], _options: unknown, command: Command) =>
        run(async () => (await import('./commands/on-kernel.ts')).pin.pin)(
          kind,
          words,
          command.optsWithGlobals(),
        ),
      );
  }
  program
    .command('unpin')
    .summary('remove a pin')
    .description('Removes a pin and says what it was. What is no pin of BPF is left alone.')
    .argument('<path>')
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/on-kernel.ts')).pin.unpin));
  addIterators(program, run, shared);
}

function addIterators(program: Command, run: Run, shared: SharedOptions): void {
  const iter = program.command('iter').description('Run and pin BPF iterators');
  const walking = (command: Command): Command =>
    command
      .option('--program <name>', 'function or section (default: the only program)')
      .option('--map <map>', 'the map to walk: one of the object by its name, or by id, pin or name')
      .addOption(new Option('--pid <pid>', 'only this process').argParser(shared.count))
      .addOption(shared.license())
      .addOption(shared.json());
  walking(
    iter
      .command('run')
      .summary('print the text of an iterator')
      .argument('<what>', 'an object or assembly text, or the pin of an iterator’s link'),
  ).action(run(async () => (await import('./commands/on-kernel.ts')).iterRun));
  walking(
    iter
      .command('pin')
      .summary('pin an iterator, so that reading the pin prints its text')
      .argument('<file>', 'an object or assembly text')
      .argument('<path>', 'of the pin, in a BPF file system'),
  ).action(run(async () => (await import('./commands/on-kernel.ts')).iterPin));
}

function addBtfObjects(program: Command, run: Run, shared: SharedOptions): void {
  const btf = program.commands.find((command) => command.name() === 'btf')!;
  for (const name of ['list', 'show']) {
    btf
      .command(name)
      .summary(name === 'list' ? 'list the BTF that the kernel holds' : 'show one BTF of the kernel, or all')
      .argument('[id...]', 'a number, with the word id in front or without')
      .addOption(shared.json())
      .action(run(async () => (await import('./commands/on-kernel.ts')).btfList));
  }
}

function addTcObjects(program: Command, run: Run, shared: SharedOptions): void {
  const tc = program.commands.find((command) => command.name() === 'tc')!;
  const qdisc = tc.command('qdisc').description('Show, add and delete qdiscs');
  for (const name of ['list', 'show']) {
    qdisc
      .command(name)
      .summary(name === 'list' ? 'list the qdiscs, as tc does' : 'show the qdiscs of an interface, or of all')
      .argument('[interface]')
      .addOption(shared.json())
      .action(run(async () => (await tcs()).qdiscShow));
  }
  qdisc
    .command('add')
    .summary('add clsact, which filters hang on')
    .argument('<interface>')
    .argument('[kind]', 'clsact', 'clsact')
    .addOption(shared.json())
    .action(run(async () => (await tcs()).qdiscAdd));
  qdisc
    .command('delete')
    .summary('delete clsact, with every filter on it')
    .argument('<interface>')
    .argument('[kind]', 'clsact', 'clsact')
    .addOption(shared.json())
    .action(run(async () => (await tcs()).qdiscDelete));
  const filter = tc.command('filter').description('Add, delete and show filters of BPF');
  const alike = (name: string, other: string): Command => {
    const { registeredArguments, options } = tc.commands.find((one) => one.name() === other)!;
    const made = filter.command(name).summary(`as tsbpf tc ${other}`);
    for (const argument of registeredArguments) made.addArgument(argument);
    for (const option of options) made.addOption(option);
    return made;
  };
  alike('add', 'attach').action(run(async () => (await import('./commands/on-kernel.ts')).attach.tcAttach));
  alike('delete', 'detach').action(
    run(async () => (await import('./commands/on-kernel.ts')).attach.tcDetach),
  );
  for (const name of ['list', 'show']) {
    filter
      .command(name)
      .summary('show the filters of an interface, as tc does')
      .argument('<interface>')
      .addOption(
        new Option('--direction <direction>', 'default: both, each line saying which').choices([
          'ingress',
          'egress',
        ]),
      )
      .addOption(shared.json())
      .action(run(async () => (await tcs()).filterShow));
  }
}

const collected = (value: string, previous: string[] = []): string[] => [...previous, value];

function addCompiler(program: Command, run: Run, shared: SharedOptions): void {
  program
    .command('cc')
    .summary('compile C with clang, with what BPF needs')
    .description(
      'Calls clang with -target bpf -O2 -g, and with what makes the C library’s headers work without its 32-bit parts. Its messages and its exit status are passed on. What follows -- goes to clang.',
    )
    .usage('[options] <files...> [-- flags...]')
    .argument('<files...>')
    .option('-o, --output <file>', 'the object to write (default: the file’s name with .o, here)')
    .option('-I, --include <folder>', 'where headers are (may be repeated)', collected)
    .option('-D, --define <macro>', 'NAME or NAME=VALUE (may be repeated)', collected)
    .option('--clang <path>', 'default: BPF_CLANG, or clang, clang-20 … clang-11, the first there is')
    .addOption(
      new Option('--target <target>', 'byte order').choices(['bpf', 'bpfel', 'bpfeb']).default('bpf'),
    )
    .option('--mcpu <version>', 'the instruction set: v1 to v4')
    .option('--print', 'print the command and call nothing')
    .addOption(shared.json())
    .action(run(async () => (await import('./commands/cc.ts')).cc));
}
