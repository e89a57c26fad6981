/**
 * Instants that lie ahead of the clock: only a clock that was wrong can have seen them, and nothing dated so is young.
 *
 * Pure. The slack is what the clocks of two machines may differ by.
 */

/** The last that may pass for one of now or before. */
export const latestPast = (nowMs: number): number => nowMs + 3_600_000;

export const isAhead = (atMs: number, nowMs: number): boolean => atMs > latestPast(nowMs);
