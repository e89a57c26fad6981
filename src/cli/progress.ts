/**
 * A progress bar for a terminal: how far, how fast, how long still.
 *
 * While it is open it owns the terminal, and every other line goes above it through the output's
 * interceptor. Nowhere else is anything drawn.
 */

import { bytesText, durationText } from './format.ts';
import type { Output } from './output.ts';

export interface ProgressState {
  /** 0 to 1; null while that cannot be told. */
  readonly share: number | null;
  readonly bytes: number;
  /** What is counted, e.g. `3/20 accounts`; escaped by the caller. */
  readonly detail: string;
}

export interface Progress {
  show(state: ProgressState): void;
  /** Removes the bar. Safe to repeat. */
  close(): void;
}

const none: Progress = { show() {}, close() {} };
const barWidth = 24;

export async function openProgress(output: Output, now: () => number): Promise<Progress> {
  if (!output.showsProgress) return none;
  const { default: cliProgress } = await import('cli-progress');
  const startedAtMs = now();
  let state: ProgressState = { share: null, bytes: 0, detail: '' };
  output.flush();
  const bars = new cliProgress.MultiBar({
    stream: output.stdout as NodeJS.WriteStream,
    format: () => barLine(state, now() - startedAtMs),
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
    fps: 5,
  });
  const bar = bars.create(1, 0);
  output.interceptor = (lines) => bars.log(lines);
  let open = true;
  return {
    show(next) {
      state = next;
      if (open) bar.update(next.share ?? 0);
    },
    close() {
      if (!open) return;
      output.flush();
      open = false;
      output.interceptor = null;
      bars.update();
      bars.stop();
    },
  };
}

/** Exported for its test. */
export function barLine({ share, bytes, detail }: ProgressState, elapsedMs: number): string {
  const filled = Math.round((share ?? 0) * barWidth);
  const percent = share === null ? '' : `  ${Math.floor(share * 100)} %`;
  const rate = elapsedMs > 500 ? `  ${bytesText((bytes * 1000) / elapsedMs)}/s` : '';
  // Early it is a guess; and near the end of what was expected there may be more.
  const left =
    share === null || share < 0.02 || share >= 0.99 || elapsedMs < 2000
      ? ''
      : `  ${durationText((elapsedMs * (1 - share)) / share)} left`;
  return `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]${percent}  ${bytesText(bytes)}${rate}${left}  ${detail}`;
}
