/**
 * Event objects as they are stored: a line of JSON, and a seal as manifests have it. docs/format.md, section 6.
 *
 * Says who signed; whether that one counts is for `trust.ts`. Objects of early releases are one line without a
 * seal, so nobody signed them.
 */

import type { EventName } from '../archive/keys.ts';
import { readSeal, type Signer, sealLine } from '../archive/seal.ts';
import type { Provider } from '../contracts/provider.ts';
import { isHoldfastError } from '../errors.ts';
import { collect } from '../streams.ts';

const eventLimitBytes = 16 * 1024 * 1024;
const newline = 0x0a;

export interface EventObject {
  readonly event: Readonly<Record<string, unknown>>;
  /** UUID of the server it is about. */
  readonly server: string;
  /** Public key, or null where it is not signed. */
  readonly signedBy: string | null;
  /** As stored. */
  readonly bytes: Buffer;
}

export function encodeEvent(event: object, signer: Signer | null): Buffer {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  return signer === null ? line : Buffer.concat([line, Buffer.from(sealLine(line, signer))]);
}

/**
 * Null where it cannot be read, was altered, or is another event's.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED
 */
export async function readEventObject(
  provider: Provider,
  key: string,
  { kind, id, server, owner }: EventName,
  signal: AbortSignal,
): Promise<EventObject | null> {
  let found: Omit<EventObject, 'server'> | null;
  try {
    found = parse(await collect(provider.get({ key, signal }), eventLimitBytes));
  } catch (error) {
    if (error instanceof SyntaxError || (isHoldfastError(error) && error.code.startsWith('OBJECT_')))
      return null;
    throw error;
  }
  const { event } = found ?? {};
  const same =
    event?.['kind'] === kind && event['id'] === id && event['server'] === server && event['owner'] === owner;
  return found !== null && same && event?.['format'] === 1 ? { ...found, server } : null;
}

/** @throws SyntaxError it is no JSON */
function parse(bytes: Buffer): Omit<EventObject, 'server'> | null {
  const end = bytes.indexOf(newline) + 1;
  const line = end === 0 ? bytes : bytes.subarray(0, end);
  const event = JSON.parse(line.toString('utf8')) as unknown;
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return null;
  const seal = bytes.subarray(line.length);
  const reading = seal.length === 0 ? { signedBy: null } : readSeal(JSON.parse(seal.toString('utf8')), line);
  return 'wrong' in reading ? null : { event: { ...event }, signedBy: reading.signedBy, bytes };
}
