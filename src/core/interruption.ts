/**
 * Stopping on request: one way to turn an AbortSignal into INTERRUPTED.
 *
 * Stores use it for bodies, which may stall for as long as a database dump does. No timers, no I/O.
 */

import { HoldfastError } from './errors.ts';

/** @throws INTERRUPTED the signal has fired; `what` names the work that stops */
export function throwIfInterrupted(signal: AbortSignal, what: string): void {
  if (signal.aborted) {
    throw new HoldfastError('INTERRUPTED', `${what} was interrupted`, { cause: signal.reason });
  }
}

/**
 * Yields what `body` yields and rejects with INTERRUPTED as soon as the signal fires, even while the
 * body stalls. The body is told to stop but not waited for, since it may never answer.
 */
export async function* interruptible<T>(
  body: AsyncIterable<T>,
  signal: AbortSignal,
  what: string,
): AsyncGenerator<T, void, undefined> {
  throwIfInterrupted(signal, what);
  const iterator = body[Symbol.asyncIterator]();
  // One promise per step. Racing each step against one long-lived promise would keep every chunk
  // alive until the end.
  let rejectStep: (error: unknown) => void = () => {};
  const onAbort = () => rejectStep(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      const step = await new Promise<IteratorResult<T>>((resolve, reject) => {
        rejectStep = reject;
        iterator.next().then(resolve, reject);
      });
      if (step.done === true) {
        ended = true;
        return;
      }
      yield step.value;
      throwIfInterrupted(signal, what);
    }
  } catch (error) {
    ended = !signal.aborted;
    throwIfInterrupted(signal, what);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    const closing = ended ? undefined : iterator.return?.();
    if (signal.aborted) closing?.catch(() => {});
    else await closing;
  }
}
