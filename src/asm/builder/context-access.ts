import { didYouMean } from '../../util/suggest.ts';
import {
  type ContextAccess,
  type ContextFieldPlace,
  type ContextName,
  contextField,
  contextFields,
} from './context.ts';
import type { OperandReader } from './operands.ts';
import type { Place } from './place.ts';
import { type Register, r1 } from './registers.ts';

/** The code that fields are loaded and stored by. */
interface Host {
  caller(method: unknown): Place | undefined;
  reader(method: string, place: Place | undefined): OperandReader;
  loadAt(args: readonly unknown[], place: Place | undefined): unknown;
  storeAt(args: readonly unknown[], place: Place | undefined): unknown;
}

/** {@link ContextAccess} of a function whose context is of that struct. */
export function contextAccess<T extends Host>(
  code: T,
  context: ContextName | undefined,
): ContextAccess<ContextName, T> {
  const find = (
    method: string,
    name: string,
    index: number,
    place: Place | undefined,
  ): ContextFieldPlace | undefined => {
    const reader = code.reader(`ctx.${method}`, place);
    if (context === undefined)
      return reader.error('no-context', 'nothing is known of the context of such programs', [
        'load from r1 by offset',
      ]);
    const field = contextField(context, name);
    if (!field)
      return reader.error(
        'unknown-field',
        `struct ${context} has no field '${name}'`,
        didYouMean(name, contextFields(context)),
      );
    if (Number.isInteger(index) && index >= 0 && index < field.count)
      return { ...field, offset: field.offset + index * field.size };
    return reader.error('out-of-range', `'${name}' has ${field.count} elements, there is no ${index}`);
  };
  const typeOf = ({ size }: ContextFieldPlace): string => `u${size * 8}`;
  const access = {
    load(dst: Register, name: string, base: Register = r1, index = 0): T {
      const place = code.caller(access.load);
      const field = find('load', name, index, place);
      if (field) code.loadAt([typeOf(field), dst, base, field.offset], place);
      return code;
    },
    store(name: string, value: unknown, base: Register = r1, index = 0): T {
      const place = code.caller(access.store);
      const field = find('store', name, index, place);
      if (field) code.storeAt([typeOf(field), base, field.offset, value], place);
      return code;
    },
    offset(name: string): number {
      return find('offset', name, 0, code.caller(access.offset))?.offset ?? 0;
    },
  };
  return Object.freeze(access);
}
