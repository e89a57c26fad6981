/**
 * Aborts unfinished uploads that a crash left behind; they cost money and show in no listing.
 *
 * Only those of this server: below the first two components of a key that this process itself puts
 * (`data/<server>/`), older than the settings say by the service's own clock. Best effort: rights may
 * be missing, and a lifecycle rule does the same.
 */

import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { Bucket, Call } from './bucket.ts';
import { answeredAtMs } from './client.ts';

export class Leftovers {
  readonly #bucket: Bucket;
  readonly #seen = new Set<string>();
  readonly #work = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Looks once per process below the key's first two components. Does not wait, never fails. */
  lookBeside(key: string): void {
    const [first, second, ...rest] = key.split('/');
    if (this.#bucket.settings.putOnly || rest.length === 0) return;
    const folder = `${first}/${second}/`;
    if (this.#seen.has(folder)) return;
    this.#seen.add(folder);
    const work: Promise<void> = abortOld(this.#bucket, folder, { abortSignal: this.#stop.signal })
      .catch(() => {})
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  /** Waits for what is under way, at most so long. */
  async close(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    await Promise.all(this.#work);
    clearTimeout(timer);
  }
}

async function abortOld({ client, settings }: Bucket, folder: string, call: Call): Promise<void> {
  const where = { Bucket: settings.bucket, Prefix: settings.prefix + folder };
  let marker = {};
  for (;;) {
    const page = await client.send(new ListMultipartUploadsCommand({ ...where, ...marker }), call);
    const nowMs = answeredAtMs(page);
    if (nowMs === null) return;
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Initiated === undefined || nowMs - Initiated.getTime() < settings.abortUploadsAfterMs) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket: settings.bucket, Key, UploadId }), call);
    }
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
    marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
}
