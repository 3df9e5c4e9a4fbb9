// bodies.ts: the body of a request -> the pictures in it: one as it is, files of a form, or base64 in JSON. Nothing is decoded here.

import type { Readable } from 'node:stream';
import type { MultipartFile } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { jsonOf } from '../http/checked.ts';
import { HttpProblem } from '../http/problem.ts';
import { AppError, systemCode } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { MAX_HELD_BYTES, type Admission } from './admission.ts';
import { IMAGES_BODY } from './schemas.ts';

/** A picture that came; `file` is the name that the client gave it. */
export interface ReceivedPicture {
  readonly file: string;
  readonly bytes: Buffer;
}

export interface ReceivedPictures {
  readonly pictures: readonly ReceivedPicture[];
  /** The body is a picture; else there are any number, in a list. */
  readonly isOne: boolean;
}

/** What parts a form, as RFC 2046 limits it. Of what the reader of forms throws for another, nothing says whose fault it is. */
const BOUNDARY = /;\s*boundary=(?:"[^"]{1,70}"|[^\s";,]{1,70})\s*(?:;|$)/i;

export class Bodies {
  readonly #admission: Admission;
  readonly #limit: number;
  /** Where the limit is from. */
  readonly #why: string;

  /** @param limit of one body, in bytes */
  constructor(admission: Admission, limit: number) {
    this.#admission = admission;
    // What does not fit alone would be told to try again for ever.
    this.#limit = Math.min(limit, 1e6 * Math.floor(MAX_HELD_BYTES / 1e6));
    this.#why = this.#limit === limit ? '--max-body' : 'what bodies may take of the memory here';
  }

  /** Every body but a form's is read whole, as bytes, whatever it says it is. */
  addTo(app: FastifyInstance): void {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', async (request: FastifyRequest, stream: Readable) => {
      const { 'content-encoding': encoding = 'identity' } = request.headers;
      if (encoding === 'identity') return this.#read(request, stream);
      throw new HttpProblem('MEDIA_TYPE', `content-encoding ${quoted(encoding, 40)} is not read; send the body as it is`); // prettier-ignore
    });
  }

  /** @throws AppError USAGE, INPUT_EMPTY; HttpProblem BODY_TOO_LARGE, QUEUE_FULL */
  async pictures(request: FastifyRequest): Promise<ReceivedPictures> {
    this.#checkLength(request);
    if (request.isMultipart()) return { pictures: await this.#ofForm(request), isOne: false };
    const bytes = bytesOf(request);
    if (!isJson(request)) return { pictures: [{ file: '', bytes }], isOne: true };
    const body = jsonOf(bytes, IMAGES_BODY);
    if ('image' in body) return { pictures: [{ file: '', bytes: fromBase64(body.image) }], isOne: true };
    const pictures = body.images.map(({ file, data }) => ({ file, bytes: fromBase64(data) }));
    return { pictures, isOne: false };
  }

  /** The only picture. @throws AppError USAGE where there are several; as `pictures` */
  async picture(request: FastifyRequest): Promise<Buffer> {
    const { pictures } = await this.pictures(request);
    if (pictures.length === 1) return pictures[0]!.bytes;
    throw new AppError('USAGE', `expected one picture, received ${pictures.length}`);
  }

  async #ofForm(request: FastifyRequest): Promise<readonly ReceivedPicture[]> {
    if (!BOUNDARY.test(request.headers['content-type'] ?? '')) {
      throw new AppError('USAGE', 'a form needs a boundary of at most 70 characters in its content-type');
    }
    const pictures: ReceivedPicture[] = [];
    for await (const part of request.files() as AsyncIterable<MultipartFile>) {
      pictures.push({ file: part.filename ?? part.fieldname, bytes: await this.#read(request, part.file) });
    }
    if (pictures.length > 0) return pictures;
    throw new AppError(
      'INPUT_EMPTY',
      'the form has no file; expected pictures as files: curl -F file=@dog.jpg',
    );
  }

  async #read(request: FastifyRequest, stream: Readable): Promise<Buffer> {
    this.#checkLength(request);
    const chunks: Buffer[] = [];
    try {
      // The connection stays: a refusal goes over it.
      const arriving = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
      for await (const chunk of arriving) {
        this.#admission.hold(request, chunk.length);
        if (request.held > this.#limit) throw this.#tooLarge();
        chunks.push(chunk);
      }
    } catch (error) {
      if (systemCode(error) !== 'ECONNRESET') throw error;
      throw new HttpProblem('CLIENT_GONE', 'the client has gone');
    }
    return Buffer.concat(chunks);
  }

  /** Refuses what says that it is too large before it is read. */
  #checkLength({ headers }: FastifyRequest): void {
    if (Number(headers['content-length'] ?? 0) > this.#limit) throw this.#tooLarge();
  }

  #tooLarge(): HttpProblem {
    return new HttpProblem(
      'BODY_TOO_LARGE',
      `the body is larger than ${this.#limit / 1e6} MB (${this.#why})`,
    );
  }
}

/** @throws AppError INPUT_EMPTY */
export function bytesOf({ body }: FastifyRequest): Buffer {
  if (Buffer.isBuffer(body) && body.length > 0) return body;
  throw new AppError('INPUT_EMPTY', 'the body is empty; expected a picture: curl --data-binary @dog.jpg');
}

const isJson = ({ headers }: FastifyRequest) => /^application\/json\b/i.test(headers['content-type'] ?? '');

/** @throws AppError USAGE for other characters, which Buffer passes over */
export function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const length = text.replace(/={1,2}$/, '').length;
  if (bytes.length === Math.floor((length * 3) / 4)) return bytes;
  throw new AppError('USAGE', 'a picture in JSON must be base64, without a data: prefix and line breaks');
}
