/** Pages of link records: the contents of files with several names. docs/format.md, section 4. */

import type { LinkRecord } from './entry.ts';
import { Pages } from './pages.ts';

export class LinkPageWriter extends Pages<LinkRecord> {
  protected override write(record: LinkRecord): void {
    this.first ??= { path: record.path, device: record.device, inode: record.inode };
    this.entries.varint(record.device);
    this.entries.varint64(record.inode);
    this.entries.bytes(record.path);
    this.writeContent(record.content);
  }
}
