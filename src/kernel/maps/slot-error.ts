import { mapInfo, progInfo } from '../../syscall/bpf-info.ts';
import { viewOf } from '../../util/bytes.ts';
import { kindOfDescriptor } from '../pin.ts';
import { type InnerShape, innerDifference } from './inner-shape.ts';
import { decodeValue, type MapValue } from './map-codec.ts';
import type { TailCallTraits } from './map-errors.ts';

// Maps whose slots hold programs or maps answer EINVAL to what does not fit, and say nothing.

function descriptorIn(given: MapValue): number {
  return Number(typeof given === 'object' ? decodeValue(viewOf(given), 4) : given);
}

function isTraits(given: TailCallTraits | MapValue): given is TailCallTraits {
  return typeof given === 'object' && 'progType' in given;
}

/** Why something may not stand in a prog array. @param explain what a program's traits say about it */
export function whyNoTailCall(
  given: TailCallTraits | MapValue,
  explain: (traits: TailCallTraits) => string,
): string {
  if (isTraits(given)) return explain(given);
  const number = descriptorIn(given);
  const kind = kindOfDescriptor(number);
  if (kind !== 'program')
    return `descriptor ${number} is ${kind ? `one of a ${kind}` : 'something else'}; a prog array takes programs`;
  const { name, type: progType } = progInfo(number);
  return explain({ name, progType, expectedAttachType: undefined, frags: undefined });
}

/** Why something may not stand in a map of maps. @param template the shape that its inner maps have, if it can be told */
export function whyNoInner(
  given: TailCallTraits | MapValue,
  template: () => InnerShape | undefined,
): string | undefined {
  if (isTraits(given)) return 'a map of maps takes maps, not programs';
  const number = descriptorIn(given);
  const kind = kindOfDescriptor(number);
  if (kind !== 'map')
    return `descriptor ${number} is ${kind ? `one of a ${kind}` : 'something else'}; a map of maps takes maps`;
  const shape = template();
  return shape && innerDifference(shape, mapInfo(number));
}
