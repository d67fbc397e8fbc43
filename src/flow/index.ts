export { decodeFlow, type FlowCode, insnAt, nextSlot } from './code.ts';
export { type FlowConstants, flowConstants } from './constants.ts';
export { type DominatorTree, dominates, dominators, NOT_REACHED, postDominators } from './dominators.ts';
export {
  type FlowFunction,
  type FlowGraph,
  type FlowOptions,
  type FlowProblem,
  type FlowReference,
  type FunctionRange,
  type FunctionUse,
  flowGraph,
} from './graph.ts';
export { helperArguments } from './helper-arguments.ts';
export { type Loop, type LoopForest, loopForest } from './loops.ts';
export {
  type FunctionSummary,
  type RegisterFlow,
  type RegisterFlowOptions,
  registerFlow,
} from './register-flow.ts';
export { type RegisterEffect, type RegisterSet, registerEffect } from './registers.ts';
export { type StackAccess, stackAccesses, stackDepths } from './stack.ts';
export type { FlowValue } from './values.ts';
