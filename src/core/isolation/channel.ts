/**
 * One end of the socket between Holdfast and the process of an addin: writes frames.
 *
 * Bytes of objects go out as they are. What is written without a pause between goes out in one system call: each wakes the
 * other process, which costs both more than a small frame does. Reading is its owner's.
 */

import type { Socket } from 'node:net';
import { type FrameType, frameType, header, largestControl, ProtocolError } from './frames.ts';

export class Channel {
  readonly #socket: Socket;
  #gathering = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @throws ProtocolError the value is longer than a frame may be */
  send(type: FrameType, id: number, value?: unknown): void {
    const payload = value === undefined ? null : Buffer.from(JSON.stringify(value));
    if (payload !== null && payload.length > largestControl) {
      throw new ProtocolError(`a message of ${payload.length} bytes is too long`);
    }
    this.#write(header(type, id, payload?.length ?? 0), payload);
  }

  credit(id: number, bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(bytes);
    this.#write(header(frameType.credit, id, 4), payload);
  }

  /** Resolves when the bytes may change again, also where nobody will read them any more. */
  data(id: number, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) =>
      this.#write(header(frameType.data, id, bytes.length), bytes, () => resolve()),
    );
  }

  #write(head: Buffer, payload: Uint8Array | null, done?: () => void): void {
    if (!this.#socket.writable) {
      done?.();
      return;
    }
    this.#gather();
    this.#socket.write(head);
    if (payload !== null) this.#socket.write(payload, done);
  }

  /** Until everything that waits for nothing but its turn has run. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#gathering = false;
      this.#socket.uncork();
    });
  }
}
