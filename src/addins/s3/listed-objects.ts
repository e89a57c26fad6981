/**
 * Reads the objects out of a listing's XML before the SDK sees it.
 *
 * The SDK makes about 20 KB of short-lived memory for each key, so that listing 200,000 keys grows the
 * process by 150 MB. Listings are flat and written by machines: a scan is enough for their entries,
 * and what is left (a page's flags and markers, any error) is still the SDK's to read.
 */

import type { S3Client, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import type { DeserializeMiddleware } from '@smithy/types';

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly storageClass: string;
  /** Null in a listing without versions. */
  readonly version: string | null;
  readonly latest: boolean;
}

interface Answer {
  readonly statusCode: number;
  body: AsyncIterable<Uint8Array> | Uint8Array;
}

type Middleware = DeserializeMiddleware<ServiceInputTypes, ServiceOutputTypes>;

const listings = new Set(['ListObjectsV2Command', 'ListObjectVersionsCommand']);
const ofAnswers = new WeakMap<object, ListedObject[]>();
const ofOutputs = new WeakMap<object, ListedObject[]>();

/** The objects of an answer to one of the two listing commands, in the order they came. */
export function listedObjects(output: object): readonly ListedObject[] {
  return ofOutputs.get(output) ?? [];
}

export function scanListings(client: S3Client): void {
  const stack = client.middlewareStack;
  const inside: Middleware = (next, context) => async (args) => {
    const result = await next(args);
    const answer = result.response as Answer;
    if (!listings.has(context.commandName ?? '') || answer.statusCode !== 200) return result;
    const { objects, rest } = scan(await bytesOf(answer.body));
    answer.body = rest;
    ofAnswers.set(answer, objects);
    return result;
  };
  const outside: Middleware = (next) => async (args) => {
    const result = await next(args);
    const objects = ofAnswers.get(result.response as Answer);
    if (objects !== undefined) ofOutputs.set(result.output as object, objects);
    return result;
  };
  const toMiddleware = 'deserializerMiddleware';
  stack.addRelativeTo(inside, { relation: 'after', toMiddleware, name: 'holdfastScan' });
  stack.addRelativeTo(outside, { relation: 'before', toMiddleware, name: 'holdfastScanned' });
}

/**
 * Takes the entries out of a listing. Texts are made from the bytes one by one: pieces of one large
 * text would keep all of it in memory for as long as a caller keeps a single key.
 *
 * @throws an error the retry rules know: the bytes end before the listing does, which a wrong length
 *   that matches a cut body would hide otherwise
 */
export function scan(xml: Buffer): { objects: ListedObject[]; rest: Buffer } {
  if (!/<\/(ListBucketResult|ListVersionsResult|Error)>\s*$/.test(xml.toString('latin1', xml.length - 100))) {
    throw Object.assign(new Error('a listing without an end'), { name: 'IncompleteBody' });
  }
  const name = xml.includes('<Contents>') ? 'Contents' : 'Version';
  const [open, close] = [Buffer.from(`<${name}>`), Buffer.from(`</${name}>`)];
  const objects: ListedObject[] = [];
  const rest: Buffer[] = [];
  let done = 0;
  for (;;) {
    const start = xml.indexOf(open, done);
    const end = start < 0 ? -1 : xml.indexOf(close, start);
    if (end < 0) break;
    rest.push(xml.subarray(done, start));
    objects.push(readEntry(xml.subarray(start + open.length, end)));
    done = end + close.length;
  }
  return { objects, rest: Buffer.concat([...rest, xml.subarray(done)]) };
}

function readEntry(entry: Buffer): ListedObject {
  const field = (name: string) => {
    const start = entry.indexOf(`<${name}>`);
    if (start < 0) return undefined;
    return entry.toString('utf8', start + name.length + 2, entry.indexOf('<', start + 1));
  };
  return {
    key: unescaped(field('Key') ?? ''),
    sizeBytes: Number(field('Size') ?? 0),
    modifiedAtMs: Date.parse(field('LastModified') ?? '') || 0,
    storageClass: field('StorageClass') ?? 'STANDARD',
    version: field('VersionId') ?? null,
    latest: field('IsLatest') === 'true',
  };
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Only keys of others need it; ours have no such characters. */
function unescaped(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return entities[name] ?? whole;
      return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
    },
  );
}

async function bytesOf(body: AsyncIterable<Uint8Array> | Uint8Array): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
