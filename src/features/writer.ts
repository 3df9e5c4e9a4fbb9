// writer.ts: rows, manifest and failures of one extraction go to the disk together: whatever ends the process, a resume finds
// how much of all three is safe on the disk. The record is the journal; it is written after the data it describes.

import { open, rm, type FileHandle } from 'node:fs/promises';
import { stringify } from 'csv-stringify/sync';
import { NPY_HEADER_BYTES, npyBytes, npyHeader, npyRowBytes } from '../formats/npy.ts';
import type { NpyDtype } from '../formats/npy-header.ts';
import { AppError, systemCode } from '../util/errors.ts';
import { writeFailed } from '../util/files.ts';
import type { FeaturePaths } from './paths.ts';
import { writeRecord, type FeatureRecord } from './record.ts';

/** The most work, in milliseconds, that is lost when the process is killed or the power fails. */
const CHECKPOINT_MS = 2000;

export const MANIFEST_COLUMNS = ['row', 'file', 'class', 'sha256', 'width', 'height'] as const;
export const ERROR_COLUMNS = ['file', 'code', 'message'] as const;

interface FeatureRow {
  readonly file: string;
  /** Empty where the picture came from no class folder. */
  readonly className: string;
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  /** One for each layer. */
  readonly rows: readonly Float32Array[];
}

export interface FeatureWriter {
  readonly rows: number;
  readonly failed: number;
  /** Keeps the row in memory until `flush` writes it. */
  add(row: FeatureRow): void;
  fail(file: string, error: AppError): void;
  /** Writes what was gathered, and from time to time makes it durable. @throws AppError WRITE_FAILED */
  flush(): Promise<void>;
  /** Makes everything durable: a resume continues from here. @throws AppError WRITE_FAILED */
  checkpoint(options?: { readonly complete?: boolean }): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts at the beginning or, with a record that has rows, after the last durable row; what follows it is cut off.
 * @throws AppError WRITE_FAILED; FILE_INVALID when the files hold less than the record says
 */
export async function openFeatureWriter(
  paths: FeaturePaths,
  start: FeatureRecord,
  dtype: NpyDtype,
): Promise<FeatureWriter> {
  const files: FeatureFile[] = [];
  try {
    await writeRecord(paths.record, start);
    for (const [i, file] of paths.work.entries()) {
      const { rowShape } = start.files[i]!;
      const bytes = NPY_HEADER_BYTES + start.rows * npyRowBytes(dtype, rowShape);
      files.push(await FeatureFile.open(file, start.rows > 0 ? bytes : 0));
    }
    const manifest = await FeatureFile.open(paths.manifest, start.manifestBytes);
    files.push(manifest);
    if (start.errorsBytes === 0) {
      await rm(paths.errors, { force: true }).catch((error: unknown) => {
        throw writeFailed(paths.errors, error);
      });
    }
    const errors =
      start.errorsBytes > 0 ? await FeatureFile.open(paths.errors, start.errorsBytes) : undefined;
    if (errors) files.push(errors);
    const writer = new Writer({
      paths,
      start,
      dtype,
      rowFiles: files.slice(0, paths.work.length),
      manifest,
      errors,
    });
    if (start.rows === 0) await writer.begin();
    return writer;
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

/** A file that only grows; only its beginning is changed in place. */
class FeatureFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  #length: number;

  private constructor(file: string, handle: FileHandle, length: number) {
    this.#file = file;
    this.#handle = handle;
    this.#length = length;
  }

  static async open(file: string, length: number): Promise<FeatureFile> {
    try {
      // 'a+' would write at the end whatever position is asked for.
      const handle = await open(file, length > 0 ? 'r+' : 'w+');
      const { size } = await handle.stat();
      if (size < length) {
        await handle.close();
        throw new AppError(
          'FILE_INVALID',
          `${file} has ${size} bytes, its record says ${length}: it was changed since; start anew with --force`,
        );
      }
      await handle.truncate(length);
      return new FeatureFile(file, handle, length);
    } catch (error) {
      if (length > 0 && systemCode(error) === 'ENOENT') {
        throw new AppError(
          'FILE_INVALID',
          `${file} is not there, its record says it has ${length} bytes; start anew with --force`,
          { cause: error },
        );
      }
      throw writeFailed(file, error);
    }
  }

  get length(): number {
    return this.#length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes, this.#length);
    this.#length += bytes.length;
  }

  async patch(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes, 0);
  }

  async sync(): Promise<void> {
    await this.#handle.datasync().catch((error: unknown) => {
      throw writeFailed(this.#file, error);
    });
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }

  /** One call may write less than it is given; a full disk is reported only by the next call. */
  async #write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw writeFailed(this.#file, error);
    }
  }
}

interface Opened {
  readonly paths: FeaturePaths;
  readonly start: FeatureRecord;
  readonly dtype: NpyDtype;
  readonly rowFiles: readonly FeatureFile[];
  readonly manifest: FeatureFile;
  readonly errors: FeatureFile | undefined;
}

class Writer implements FeatureWriter {
  readonly #opened: Opened;
  #errors: FeatureFile | undefined;
  #rows: number;
  #failed: number;
  /** Rows added since the last flush. */
  readonly #pending: FeatureRow[] = [];
  readonly #problems: (readonly [file: string, code: string, message: string])[] = [];
  #lastCheckpoint = performance.now();

  constructor(opened: Opened) {
    this.#opened = opened;
    this.#errors = opened.errors;
    this.#rows = opened.start.rows;
    this.#failed = opened.start.failed;
  }

  get rows(): number {
    return this.#rows;
  }

  get failed(): number {
    return this.#failed;
  }

  async begin(): Promise<void> {
    const { rowFiles, manifest, start } = this.#opened;
    for (const [i, file] of rowFiles.entries()) await file.append(this.#header(i, 0));
    if (start.manifestBytes === 0) await manifest.append(csv([MANIFEST_COLUMNS]));
  }

  add(row: FeatureRow): void {
    this.#pending.push(row);
  }

  fail(file: string, error: AppError): void {
    this.#problems.push([file, error.code, error.message]);
  }

  async flush(): Promise<void> {
    await this.#write();
    if (performance.now() - this.#lastCheckpoint >= CHECKPOINT_MS) await this.checkpoint();
  }

  async checkpoint({ complete = false } = {}): Promise<void> {
    await this.#write();
    const { paths, start, rowFiles, manifest } = this.#opened;
    await Promise.all(
      rowFiles.map(async (file, i) => {
        await file.sync();
        // The header follows the rows it counts: a reader always finds as many rows as it says.
        await file.patch(this.#header(i, this.#rows));
        await file.sync();
      }),
    );
    await manifest.sync();
    await this.#errors?.sync();
    await writeRecord(paths.record, {
      ...start,
      complete,
      rows: this.#rows,
      failed: this.#failed,
      manifestBytes: manifest.length,
      errorsBytes: this.#errors?.length ?? 0,
    });
    this.#lastCheckpoint = performance.now();
  }

  async close(): Promise<void> {
    const { rowFiles, manifest } = this.#opened;
    for (const file of [...rowFiles, manifest, ...(this.#errors ? [this.#errors] : [])]) await file.close();
  }

  async #write(): Promise<void> {
    const { paths, rowFiles, manifest, dtype } = this.#opened;
    const rows = this.#pending.splice(0);
    if (rows.length > 0) {
      for (const [i, file] of rowFiles.entries()) {
        await file.append(Buffer.concat(rows.map((row) => npyBytes(dtype, row.rows[i]!))));
      }
      await manifest.append(
        csv(
          rows.map(({ file, className, sha256, width, height }, i) => [
            this.#rows + i,
            file,
            className,
            sha256,
            width,
            height,
          ]),
        ),
      );
      this.#rows += rows.length;
    }
    const problems = this.#problems.splice(0);
    if (problems.length === 0) return;
    if (!this.#errors) {
      this.#errors = await FeatureFile.open(paths.errors, 0);
      await this.#errors.append(csv([ERROR_COLUMNS]));
    }
    await this.#errors.append(csv(problems));
    this.#failed += problems.length;
  }

  #header(file: number, count: number): Buffer {
    const { dtype, start } = this.#opened;
    return npyHeader(dtype, count, start.files[file]!.rowShape);
  }
}

function csv(rows: readonly (readonly (string | number)[])[]): Buffer {
  return Buffer.from(stringify(rows.map((row) => [...row])));
}
