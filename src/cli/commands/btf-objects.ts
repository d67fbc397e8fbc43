import { btfObjectText, listBtf, objectOwners } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { parseId } from '../which.ts';

/** `tsbpf btf list`, `tsbpf btf show 7`. */
export async function btfList(id: string | undefined, options: CommonOptions): Promise<undefined> {
  const wanted = id === undefined ? undefined : parseId(id);
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
