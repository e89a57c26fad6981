/**
 * Fills a new file from front to end, in pieces of a megabyte: one is written while the next is gathered.
 *
 * On ext4 and XFS a file of more than a piece goes past the page cache (O_DIRECT). A backup is read by nobody
 * soon: kept in the cache it would cost a copy of every byte and push out what the server's customers use. Its
 * last, incomplete piece and all of a small file go through the cache, as does everything on other file systems,
 * where the file is synced in the background as it grows, so that the last sync is short.
 */

import { constants, type FileHandle, open, statfs } from 'node:fs/promises';
import { giveBack, pieceBytes, takeBuffer } from './aligned-buffers.ts';
import { BackgroundSync } from './background-sync.ts';
import { errnoOf } from './system-error.ts';

/** `f_type` of ext2 to ext4, and of XFS: statfs(2). Both write past the cache what is aligned, and only that. */
const directFileSystems = new Set([0xef53, 0x58465342]);

export class PieceWriter {
  readonly #handle: FileHandle;
  readonly #syncs: BackgroundSync;
  /** Open past the cache; undefined until the first whole piece asks, null where that is not to be had. */
  #direct: FileHandle | null | undefined;
  #buffer = takeBuffer();
  #used = 0;
  #position = 0;
  /** The piece under way; its buffer comes back when it has ended, well or not. */
  #underWay: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(handle: FileHandle) {
    this.#handle = handle;
    this.#syncs = new BackgroundSync(handle);
  }

  /** Copies the chunk, so that its producer may use it again. @throws what the file system said of an earlier piece */
  async write(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      const part = Math.min(pieceBytes - this.#used, chunk.length - from);
      this.#buffer.set(chunk.subarray(from, from + part), this.#used);
      this.#used += part;
      from += part;
      if (this.#used === pieceBytes) await this.#send();
    }
  }

  /** Everything is in the file and on the disk afterwards. Then, as after any failure, `close`. */
  async finish(): Promise<void> {
    await this.#arrived();
    if (this.#used > 0) await writeAll(this.#handle, this.#buffer.subarray(0, this.#used), this.#position);
    await this.#syncs.finish();
  }

  /** Waits for what is under way; the file itself stays open. Never throws. */
  async close(): Promise<void> {
    await this.#underWay;
    await this.#syncs.settled();
    giveBack(this.#buffer);
    await this.#direct?.close().catch(() => {});
  }

  async #send(): Promise<void> {
    await this.#arrived();
    this.#direct ??= this.#direct === undefined ? await openDirect(this.#handle) : null;
    const [piece, position] = [this.#buffer, this.#position];
    this.#underWay = this.#put(piece, position)
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => giveBack(piece));
    this.#buffer = takeBuffer();
    this.#used = 0;
    this.#position += piece.length;
  }

  async #arrived(): Promise<void> {
    await this.#underWay;
    this.#underWay = null;
    if (this.#failure !== null) throw this.#failure.error;
  }

  async #put(piece: Buffer, position: number): Promise<void> {
    if (this.#direct) {
      const written = await writeDirect(this.#direct, piece, position);
      if (written === pieceBytes) return;
      // What the kernel takes only in part, or not at all, goes the ordinary way; so does the rest of the file.
      await this.#direct.close();
      this.#direct = null;
      await writeAll(this.#handle, piece.subarray(written), position + written);
    } else await writeAll(this.#handle, piece, position);
    this.#syncs.grownTo(position + pieceBytes);
  }
}

/** The same file, whatever its path leads to meanwhile. */
async function openDirect({ fd }: FileHandle): Promise<FileHandle | null> {
  const path = `/proc/self/fd/${fd}`;
  try {
    if (!directFileSystems.has((await statfs(path)).type)) return null;
    return await open(path, constants.O_WRONLY | constants.O_DIRECT);
  } catch {
    // Whatever is wrong with the file itself, the ordinary write will tell.
    return null;
  }
}

/** Bytes that were written; 0 where the kernel wants other addresses or lengths. */
async function writeDirect(handle: FileHandle, piece: Buffer, position: number): Promise<number> {
  try {
    return (await handle.write(piece, 0, piece.length, position)).bytesWritten;
  } catch (error) {
    if (errnoOf(error) === 'EINVAL') return 0;
    throw error;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
