import { btfById, btfObjectText, listBtf, objectOwners } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { onlyWhich, openMap, openProgram, parseId } from '../which.ts';
import { type DumpOptions, printTypes } from './btf.ts';

/** `tsbpf btf list`, `tsbpf btf show 7`. */
export async function btfList(words: readonly string[], options: CommonOptions): Promise<undefined> {
  const wanted = words.length === 0 ? undefined : idOf(words);
  const all = listBtf().filter((btf) => wanted === undefined || btf.id === wanted);
  if (wanted !== undefined && all.length === 0)
    throw new TsbpfError('BTF_NOT_FOUND', `there is no BTF with id ${wanted}`, {
      hint: 'tsbpf btf list shows those that are there',
    });
  const owners = objectOwners().btf;
  const held = (btfId: number) => (owners.get(btfId) ?? []).filter(({ pid }) => pid !== process.pid);
  if (options.json) printJson({ btf: all.map((btf) => ({ ...btf, owners: held(btf.id) })) });
  else for (const btf of all) print(btfObjectText(btf, { owners: held(btf.id) }));
}

/** `7` or `id 7`. */
function idOf(words: readonly string[]): number {
  const { by, value } = onlyWhich(words);
  return parseId(by === 'id' ? value : words[0]!);
}

/** By what types of the kernel's are named. */
const SOURCES: Readonly<Record<string, (words: readonly string[]) => number>> = {
  id: (words) => idOf(words),
  map: (words) => {
    using map = openMap(onlyWhich(words));
    return map.info().btfId;
  },
  prog: (words) => {
    using program = openProgram(onlyWhich(words));
    return program.info().btfId;
  },
};

/** `tsbpf btf dump id 7`, `tsbpf btf dump map counts`, `tsbpf btf dump prog classify`. */
export async function btfDump(words: readonly string[], options: DumpOptions): Promise<undefined> {
  const [kind = '', ...rest] = words;
  const idFrom = SOURCES[kind];
  if (!idFrom)
    throw new TsbpfError('KIND_UNKNOWN', `types are not found by '${kind}'`, {
      hint:
        didYouMean(kind, Object.keys(SOURCES))[0] ??
        'a file stands alone; of the kernel: id ID, map MAP, or prog PROGRAM',
    });
  const btf = btfById(idFrom(rest));
  if (!btf)
    throw new TsbpfError('BTF_MISSING', `${words.join(' ')} was made without types`, {
      hint: 'compile with -g',
    });
  printTypes(btf, options);
}
