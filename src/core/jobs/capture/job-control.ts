/** The shared memory of one job in a pool, which the main thread and all its workers see. */

/**
 * Places in it: the next object number, whether to stop, and the number of the thread that is to finish. As soon as there
 * is one, all others let go of the account, also in the middle of another one's. And whether somebody gathers keys of
 * the parent's contents: 1. Behind these lie the marks of the roots of its trees.
 */
export const jobControl = { nextNumber: 0, stop: 1, finisher: 2, gatherer: 3, size: 4 } as const;

const markWords = 6;

export const newControl = (trees: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(4 * (jobControl.size + trees * markWords)));

/** For `openRoot`, of the tree with this number. */
export const rootMark = (control: Int32Array, tree: number): Uint32Array =>
  new Uint32Array(control.buffer, 4 * (jobControl.size + tree * markWords), markWords);
