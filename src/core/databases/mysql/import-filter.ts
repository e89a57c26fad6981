/**
 * Lets the statements of one database out of a dump through to the client, and nothing else: no other
 * database, no users, no server settings, no files, no commands of the client. Definers and names of the
 * database are rewritten on the way, rows are counted, and views are held back until all else is there.
 *
 * This is the first fence. The second is the importer itself, whose rights end at the scratch database.
 */

import { quoted } from '../../printable.ts';
import { type DatabaseDefaults, DefaultsReader, defaultsIn } from './defaults.ts';
import { restingEvent } from './import-events.ts';
import { editOf, framed, refused, refusedAt } from './import-framing.ts';
import { renameQualifiers, scratchNames, sqlModeOf, withoutDefiner } from './import-rewrite.ts';
import { type Piece, StatementSplitter } from './import-split.ts';
import { headOf, type StatementHead } from './import-statement.ts';
import { ImportTally } from './import-tally.ts';
import { applyEdits, type Edit, type Token, type TokenOptions, tokenize } from './import-tokens.ts';
import { belongsTo, dropped, forbiddenCharset, needless, passing } from './import-verbs.ts';
import { CharsetReader, type HeldView, longestViews } from './import-views.ts';

export interface FilterOptions {
  /** Name of the database in the dump; null where the dump has one only. */
  readonly source: string | null;
  readonly scratch: string;
  /** Null: all. */
  readonly tables: readonly string[] | null;
}

/** A statement that is no row of values and is longer than this is no dump's. */
const longestStatement = 64 * 1024 * 1024;
/** An INSERT says within these bytes where its values begin. */
const longestInsertHead = 1024 * 1024;
const plain: TokenOptions = { noBackslashEscapes: false, ansiQuotes: false };

export class DumpFilter {
  readonly tally = new ImportTally();
  readonly #options: FilterOptions;
  readonly #splitter = new StatementSplitter();
  readonly #defaults = new DefaultsReader();
  readonly #tables: ReadonlySet<string> | null;
  readonly #charsets = new CharsetReader();
  #modes = plain;
  #viewBytes = 0;
  /** Pieces of a statement whose kind is not known yet. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** The INSERT that passes piece by piece. */
  #rows: { readonly table: string; readonly spare: number; readonly exact: boolean } | 'skip' | null = null;
  /** The database whose part of a joint dump is being read; null before the first USE. */
  #section: string | null = null;

  constructor(options: FilterOptions) {
    this.#options = options;
    this.#tables = options.tables === null ? null : new Set(options.tables);
    this.tally.source = options.source;
  }

  /** @throws IMPORT_REFUSED */
  *feed(chunk: Uint8Array): Generator<Buffer, void, undefined> {
    this.tally.defaults ??= this.#defaults.feed(chunk);
    for (const piece of this.#splitter.feed(chunk)) yield* this.#take(piece);
  }

  /** @throws IMPORT_REFUSED the dump ends in the middle of a statement */
  *end(): Generator<Buffer, void, undefined> {
    const wasOpen = this.#splitter.open;
    for (const piece of this.#splitter.end()) yield* this.#take(piece);
    if (wasOpen && this.#splitter.open) throw refused('the dump ends in the middle of a statement');
  }

  *#take(piece: Piece): Generator<Buffer, void, undefined> {
    if (this.#rows !== null) {
      yield* this.#continueRows(piece);
      return;
    }
    this.#held.push(piece.bytes);
    this.#heldBytes += piece.bytes.length;
    const isInsert = this.#looksLikeInsert();
    if (!piece.last) {
      const limit = isInsert ? longestInsertHead : longestStatement;
      if (this.#heldBytes > limit) throw refusedAt(piece, 'is too long for a dump');
      if (!isInsert || this.#heldBytes < 4096) return;
    }
    const bytes = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    if (isInsert) {
      const begun = this.#beginRows(bytes, piece);
      if (!begun) {
        this.#held = [bytes];
        return;
      }
      this.#forget();
      yield* this.#continueRows({ ...piece, bytes });
      return;
    }
    this.#forget();
    const kept = this.#statement(bytes, piece);
    if (kept !== null) yield* framed(kept, piece.delimiter);
  }

  #forget(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #looksLikeInsert(): boolean {
    const first = this.#held[0]!;
    const head = first.length >= 64 ? first : Buffer.concat(this.#held);
    return /^(\/\*M?!\d*\s*)?(INSERT|REPLACE)\s/i.test(head.toString('latin1', 0, 64));
  }

  /** False where more of the statement is needed. @throws IMPORT_REFUSED it is not `INTO … VALUES` */
  #beginRows(bytes: Buffer, piece: Piece): boolean {
    const head = bytes.subarray(0, longestInsertHead);
    const tokens = tokenize(head, this.#modes, 10_000);
    const values = tokens.findIndex(({ kind, value }) => kind === 'word' && /^VALUES?$/.test(value));
    const { name, qualifier, verb, next } = headOf(bytes, tokens);
    const between = tokens.slice(next, values < 0 ? undefined : values);
    if (values < 0 && !piece.last && this.#heldBytes < longestInsertHead) return false;
    if (
      values < 0 ||
      name === null ||
      between.some(({ kind, value }) => kind === 'word' && value === 'SELECT')
    ) {
      throw refusedAt(piece, 'inserts something other than values');
    }
    this.#checkQualifier(qualifier, piece);
    const wanted = this.#inSection() && (this.#tables === null || this.#tables.has(name));
    const spare = between.some(({ value }) => value === '(') ? 1 : 0;
    const exact = verb === 'INSERT' && !tokens.slice(0, next).some(({ value }) => value === 'IGNORE');
    this.#rows = wanted ? { table: name, spare, exact } : 'skip';
    return true;
  }

  *#continueRows(piece: Piece): Generator<Buffer, void, undefined> {
    const rows = this.#rows;
    if (rows !== 'skip' && piece.bytes.length > 0) yield piece.bytes;
    if (!piece.last) return;
    this.#rows = null;
    if (rows === 'skip' || rows === null) return;
    this.tally.inserted(rows.table, piece.groups - rows.spare, rows.exact);
    // Whatever the dump's delimiter was here: the client's is the semicolon, and values hold none.
    yield Buffer.from(';\n');
  }

  /** Null: left out. */
  #statement(bytes: Buffer, piece: Piece): Buffer | null {
    const tokens = tokenize(bytes, this.#modes);
    if (tokens.length === 0) return null;
    const head = headOf(bytes, tokens);
    const { verb, name } = head;
    if (verb === 'USE') return this.#use(name);
    if (verb === 'SET') return this.#set(bytes, tokens, piece);
    if (/^(CREATE|DROP) (DATABASE|SCHEMA)$/.test(verb)) {
      if (name !== null && verb.startsWith('CREATE')) this.#noteDatabase(name, defaultsIn(bytes));
      return null;
    }
    if (needless.has(verb)) return null;
    if (dropped.has(verb)) {
      this.tally.ignored.add(verb);
      return null;
    }
    if (!passing(verb, tokens)) throw refusedAt(piece, `has ${quoted(verb)}, which an import may not do`);
    const isWanted = this.#tables === null || belongsTo(this.#tables, bytes, tokens, head);
    if (!this.#inSection() || !isWanted) return null;
    if (verb === 'ALTER DATABASE') {
      // Some dumps change the database's character set for the time of a routine.
      this.#checkQualifier(name, piece);
      const at = tokens.find(({ kind, value }) => kind === 'name' && value === name);
      return at === undefined ? null : applyEdits(bytes, [editOf(at, this.#options.scratch)]);
    }
    this.#count(head, bytes);
    const statement = applyEdits(bytes, this.#edits(bytes, tokens, head));
    if (verb === 'CREATE VIEW' && name !== null) this.#holdView(name, { statement, written: bytes }, piece);
    return verb === 'CREATE VIEW' || verb === 'DROP VIEW' ? null : statement;
  }

  /** Made when all else is there. */
  #holdView(name: string, texts: Pick<HeldView, 'statement' | 'written'>, piece: Piece): void {
    this.#viewBytes += texts.written.length;
    if (this.#viewBytes > longestViews) throw refusedAt(piece, 'is a view after too many others');
    this.tally.views.set(name, { ...texts, charset: this.#charsets.now, modes: this.#modes });
  }

  #count({ verb, name, definer }: StatementHead, bytes: Buffer): void {
    const [action = '', kind = ''] = [verb.slice(0, verb.indexOf(' ')), verb.slice(verb.indexOf(' ') + 1)];
    if (name === null) return;
    if (action === 'CREATE') this.tally.created(kind, name, bytes);
    if (action === 'DROP') this.tally.dropped(kind, name);
    if (action === 'CREATE' && definer !== null)
      this.tally.definers.set(`${kind.toLowerCase()} ${name}`, definer);
  }

  #edits(bytes: Buffer, tokens: readonly Token[], head: StatementHead): Edit[] {
    const { source } = this.tally;
    const edits = withoutDefiner(head);
    for (const name of new Set([...(source === null ? [] : [source]), ...scratchNames(tokens, head)]))
      edits.push(...renameQualifiers(bytes, tokens, head, name, this.#options.scratch));
    if (head.verb !== 'CREATE EVENT') return edits;
    const resting = restingEvent(tokens, head);
    if (resting.enabled && head.name !== null) this.tally.enabledEvents.add(head.name);
    if (resting.passing && head.name !== null) this.tally.passingEvents.add(head.name);
    return [...edits, ...resting.edits];
  }

  #use(name: string | null): null {
    if (name === null) return null;
    this.#noteDatabase(name);
    this.#section = name;
    return null;
  }

  #noteDatabase(name: string, defaults: DatabaseDefaults | null = null): void {
    this.tally.source ??= name;
    if (name !== this.tally.source) this.tally.others.add(name);
    else this.tally.defaults ??= defaults;
  }

  #inSection(): boolean {
    return this.#section === null || this.#section === this.tally.source;
  }

  #set(bytes: Buffer, tokens: readonly Token[], piece: Piece): Buffer | null {
    const words = tokens.map(({ kind, value }) => (kind === 'text' ? '' : value.toUpperCase()));
    if (words.some((word) => /^(GTID_PURGED|SQL_LOG_BIN|GTID_SLAVE_POS)$/.test(word))) {
      this.tally.ignored.add('SET of replication');
      return null;
    }
    if (words.some((word) => /^(GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|ROLE)$/.test(word))) {
      throw refusedAt(piece, 'changes settings of the server');
    }
    const charset = forbiddenCharset(tokens);
    if (charset !== null)
      throw refusedAt(piece, `is written in ${quoted(charset)}, which cannot be read safely`);
    this.#charsets.note(tokens);
    const modes = sqlModeOf(tokens, plain);
    if (modes !== null) {
      this.#modes = modes;
      this.#splitter.noBackslashEscapes = modes.noBackslashEscapes;
    }
    return bytes;
  }

  #checkQualifier(qualifier: string | null, piece: Piece): void {
    const { source } = this.tally;
    if (qualifier === null || qualifier === source || qualifier === this.#options.scratch) return;
    if (source === null) this.tally.source = qualifier;
    else throw refusedAt(piece, `writes to another database, ${quoted(qualifier)}`);
  }
}
