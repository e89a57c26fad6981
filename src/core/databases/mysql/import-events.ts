/**
 * Events while they are imported: one that must not run yet, and one whose time is over, which the server drops as soon
 * as it is made, unless it is to stay.
 */

import type { Definition } from './import-read.ts';
import { headOf, type StatementHead } from './import-statement.ts';
import { applyEdits, type Edit, type Token, type TokenOptions, tokenize } from './import-tokens.ts';

/** The clauses between the schedule and what the event does. */
interface Clauses {
  /** `NOT` of `ON COMPLETION NOT PRESERVE`. */
  readonly not: Token | undefined;
  /** Of `ON COMPLETION`. */
  readonly completion: Token | undefined;
  /** `PRESERVE`. */
  readonly preserve: Token | undefined;
  /** `ENABLE` or `DISABLE`. */
  readonly state: Token | undefined;
  readonly isReplicas: boolean;
  /** Where what follows them begins. */
  readonly end: Token | undefined;
}

function clausesOf(tokens: readonly Token[], { next }: StatementHead): Clauses {
  let depth = 0;
  let [not, completion, preserve, state, end]: (Token | undefined)[] = [];
  let isReplicas = false;
  for (let at = next; at < tokens.length && end === undefined; at += 1) {
    const token = tokens[at]!;
    if (token.kind === 'sign') depth += token.value === '(' ? 1 : token.value === ')' ? -1 : 0;
    if (token.kind !== 'word' || depth > 0) continue;
    if (token.value === 'COMMENT' || token.value === 'DO') end = token;
    if (token.value === 'ENABLE' || token.value === 'DISABLE') {
      state ??= token;
      isReplicas ||= tokens[at + 1]?.value === 'ON';
    }
    if (token.value !== 'COMPLETION') continue;
    completion = token;
    not = tokens[at + 1]?.value === 'NOT' ? tokens[at + 1] : undefined;
    preserve = tokens[not === undefined ? at + 1 : at + 2];
  }
  return { not, completion, preserve, state, isReplicas, end };
}

export interface RestingEvent {
  readonly edits: readonly Edit[];
  /** Whether it was to run. */
  readonly enabled: boolean;
  /** Whether the server was to drop it once its time is over. */
  readonly passing: boolean;
}

/** An event that exists but does not run, and stays. */
export function restingEvent(tokens: readonly Token[], head: StatementHead): RestingEvent {
  const { not, completion, state, end } = clausesOf(tokens, head);
  const edits: Edit[] = [];
  if (not !== undefined) edits.push({ start: not.start, end: not.end, text: '' });
  const stay = completion === undefined ? 'ON COMPLETION PRESERVE ' : '';
  if (state !== undefined) edits.push({ start: state.start, end: state.end, text: `${stay}DISABLE` });
  else if (end !== undefined) edits.push({ start: end.start, end: end.start, text: `${stay}DISABLE ` });
  const passing = completion === undefined || not !== undefined;
  return { edits, enabled: state?.value !== 'DISABLE', passing };
}

/** An event as the server shows it, made one that runs. */
export function enabledEvent(tokens: readonly Token[], head: StatementHead): readonly Edit[] {
  const { state, isReplicas } = clausesOf(tokens, head);
  if (state?.value !== 'DISABLE' || isReplicas) return [];
  return [{ start: state.start, end: state.end, text: 'ENABLE' }];
}

/** An event as the server shows it, that stays or goes once its time is over. */
export function withCompletion(
  { sql }: Pick<Definition, 'sql'>,
  options: TokenOptions,
  stays: boolean,
): string {
  const bytes = Buffer.from(sql);
  const tokens = tokenize(bytes, options);
  const { not, preserve } = clausesOf(tokens, headOf(bytes, tokens));
  if (preserve === undefined || stays === (not === undefined)) return sql;
  const edit = stays
    ? { start: not!.start, end: not!.end, text: '' }
    : { start: preserve.start, end: preserve.start, text: 'NOT ' };
  return applyEdits(bytes, [edit]).toString('utf8');
}
