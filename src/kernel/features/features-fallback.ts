import { addressOf, invoke } from '../../syscall/native.ts';
import { type KernelFeatures, kernelFeatures } from './features.ts';

/** A name as this kernel takes it: old ones take none, or none with a `.`. @param name as `kernelName` makes it */
export function acceptedName(name: string, features: KernelFeatures = kernelFeatures()): string {
  if (name === '' || features.ask('kernel/names').state === 'no') return '';
  if (!name.includes('.') || features.ask('kernel/dots-in-names').state !== 'no') return name;
  return name.replaceAll('.', '_');
}

/** RLIMIT_MEMLOCK and RLIM64_INFINITY (Linux, `include/uapi/linux/resource.h`). */
const RLIMIT_MEMLOCK = 8;
const INFINITY = 2n ** 64n - 1n;

const asked: WeakSet<KernelFeatures> = new WeakSet();

/**
 * Lifts the limit of locked memory, which maps and programs count against before Linux 5.11, once and
 * only there. Without CAP_SYS_RESOURCE that is refused, which is no failure: small things fit.
 */
export function allowMemory(features: KernelFeatures = kernelFeatures()): void {
  if (asked.has(features)) return;
  asked.add(features);
  if (features.ask('kernel/memcg-accounting').state !== 'no') return;
  const limits = new Uint8Array(BigUint64Array.of(INFINITY, INFINITY).buffer);
  const THIS_PROCESS = 0;
  invoke('prlimit64', [limits], THIS_PROCESS, RLIMIT_MEMLOCK, addressOf(limits), 0);
}
