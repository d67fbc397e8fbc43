import { enumName } from '../../isa/enum-name.ts';
import { MapType } from '../../isa/kernel-tables.generated.ts';
import { collect, type ObjectSpec, type RelocatableObject, tailCallEdges } from '../../object/index.ts';
import { calleeOf, programType, tagOf } from '../inspect-facts.ts';
import { inspectText } from '../inspect-text.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { readRelocatable } from '../source.ts';

/** `tsbpf inspect`: what an object holds, as the loader sees it. */
export async function inspect(
  file: string,
  options: CommonOptions & { readonly all?: boolean },
): Promise<undefined> {
  const object = await readRelocatable(file);
  const spec = collect(object);
  if (options.json) printJson({ file, ...asData(object, spec) });
  else print(inspectText(file, object, spec, options.all ?? false));
}

function asData(object: RelocatableObject, spec: ObjectSpec): Record<string, unknown> {
  return {
    endian: spec.endian,
    license: spec.license,
    functions: [...spec.functions.values()].map((fn) => ({
      name: fn.name,
      section: fn.section,
      linkage: fn.linkage,
      slots: fn.code.length / 8,
      type: programType(fn),
      program: fn.program,
      tag: tagOf(spec, fn),
      relocations: fn.relocations,
      tailCalls: tailCallEdges(fn, spec.endian).map((edge) => ({ ...edge, callee: calleeOf(spec, edge) })),
      coreRelocations: fn.coreRelocations,
      lines: fn.lines.length,
    })),
    maps: [...spec.maps.values()].map((map) => ({
      ...map,
      type: enumName(MapType, map.type).toLowerCase(),
      contents: map.contents.filter((entry) => entry.kind !== 'bytes'),
    })),
    variables: [...spec.variables.values()],
    externs: [...spec.externs.values()],
    btf: spec.btf && { types: spec.btf.typeCount - 1, size: spec.btf.bytes.length },
    sections: object.sections.map(({ name, type, flags, size, align }) => ({
      name,
      type,
      flags,
      size,
      align,
    })),
    symbols: object.symbols,
    relocations: object.relocations,
  };
}
