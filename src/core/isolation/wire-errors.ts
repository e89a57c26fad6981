/**
 * Errors on their way between two processes: code, message and hint, never a stack or a cause.
 *
 * What comes from an addin is a stranger's text: it is made safe to show, shortened, and cleared of the
 * secrets the addin was given.
 */

import { type ErrorCode, errorCodes, HoldfastError, isHoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import { ProtocolError } from './frames.ts';

interface WireError {
  /** Null: an error nobody foresaw. */
  readonly code: string | null;
  readonly message: string;
  readonly hint?: string;
  /** The caller's fault, as a TypeError says it. */
  readonly misuse?: true;
}

const longest = 4000;

/** Whatever was thrown: an addin may throw what is no error, or one whose parts are something else. */
export function encodeError(error: unknown): WireError {
  const text = textOf(error instanceof Error ? error.message : error);
  if (isHoldfastError(error)) {
    const { code, hint } = error;
    return { code, message: text, ...(hint === undefined ? {} : { hint: textOf(hint) }) };
  }
  return { code: null, message: text, ...(error instanceof TypeError ? { misuse: true as const } : {}) };
}

function textOf(value: unknown): string {
  try {
    return String(value).slice(0, longest);
  } catch {
    return 'what has no text';
  }
}

interface ErrorSource {
  /** For errors: `put of KEY by the store webdav`. */
  readonly what: string;
  readonly secrets: readonly string[];
  readonly ours: boolean;
  /** It was told to stop. */
  readonly stopped: boolean;
}

/**
 * A stranger's TypeError is a defect of the addin and not of Holdfast, and what nobody stopped was not interrupted.
 *
 * @throws ProtocolError it is no error
 */
export function decodeError(value: unknown, { what, secrets, ours, stopped }: ErrorSource): Error {
  const { code, message, hint, misuse } = (value ?? {}) as Partial<Record<keyof WireError, unknown>>;
  if (typeof message !== 'string') throw new ProtocolError('it sent an error without a message');
  const text = shown(message, secrets);
  const known = typeof code === 'string' && Object.hasOwn(errorCodes, code);
  if (known && (ours || code !== 'INTERRUPTED' || stopped)) {
    const options = typeof hint === 'string' ? { hint: shown(hint, secrets) } : {};
    return new HoldfastError(code as ErrorCode, text, options);
  }
  if (misuse === true && ours) return new TypeError(text);
  return new HoldfastError('ADDIN_FAILED', `${what} failed in a way it did not foresee: ${text}`, {
    hint: 'Tell the author of the addin.',
  });
}

/**
 * Without controls and without any of the secrets, in whatever form a message is likely to have them: as part of a
 * URL, of JSON, or as base64. Backslashes stay: names in it may be escaped already.
 */
export function shown(text: string, secrets: readonly string[]): string {
  // The longest first: one secret may be part of another.
  const forms = secrets
    .filter((secret) => secret.length > 3)
    .flatMap(formsOf)
    .sort((a, b) => b.length - a.length);
  const whole = text.length < longest ? text : withoutBegun(text, forms);
  const clean = forms.reduce((rest, form) => rest.replaceAll(form, '[secret]'), whole).slice(0, longest);
  const parts = clean.split('\\').map((part) => printable(part, longest));
  return parts.join('\\');
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const padding = /=+$/;
  return [
    secret,
    json,
    encodeURIComponent(secret.toWellFormed()),
    bytes.toString('base64').replace(padding, ''),
    bytes.toString('base64url'),
  ];
}

/** A long text was cut where it was sent, perhaps within a secret, whose beginning nobody would recognise. */
function withoutBegun(text: string, forms: readonly string[]): string {
  const longestForm = forms[0]?.length ?? 0;
  for (let at = Math.max(0, text.length - longestForm + 1); at < text.length; at += 1) {
    const end = text.slice(at);
    if (forms.some((form) => form.startsWith(end))) return text.slice(0, at);
  }
  return text;
}
