/** Messages over a pipe, as `link/stdio.py` writes them: u4 numbers (bytes of the JSON, number of buffers, bytes of each), the JSON, the buffers. */

export interface Message { type: string; [field: string]: any }
/** `sizes` cut `payload` into the buffers of the message. */
export interface Parcel { message: Message; sizes: number[]; payload: Uint8Array<ArrayBuffer> }

/** What the other side sent is no message of ours. */
export class FramingError extends Error {}

const MOST = 1 << 26;                                   // a row may exceed what a frame usually has, but not by this

export function encode(message: object): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(message));
  const out = new Uint8Array(8 + text.length);
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(text, 8);
  return out;
}

/** Takes in what a pipe gives, in whatever pieces, and gives back whole messages. */
export class Decoder {
  private pieces: Uint8Array[] = [];
  private waiting = 0;

  push(piece: Uint8Array): Parcel[] {
    this.pieces.push(piece);
    this.waiting += piece.length;
    const found: Parcel[] = [];
    for (let parcel = this.next(); parcel; parcel = this.next()) found.push(parcel);
    return found;
  }

  private next(): Parcel | null {
    if (this.waiting < 8) return null;
    const head = this.peek(8), view = viewOf(head);
    const size = view.getUint32(0, true), count = view.getUint32(4, true);
    if (size > MOST || count > 1024) throw new FramingError(`${size} bytes and ${count} buffers are announced`);
    const begin = 8 + 4 * count;
    if (this.waiting < begin) return null;
    const lengths = viewOf(this.peek(begin)), sizes = Array.from({ length: count }, (_, i) => lengths.getUint32(8 + 4 * i, true));
    const body = sizes.reduce((sum, n) => sum + n, 0);
    if (body > MOST) throw new FramingError(`${body} bytes are announced`);
    if (this.waiting < begin + size + body) return null;
    const whole = this.take(begin + size + body);
    let message: unknown;
    try {
      message = JSON.parse(new TextDecoder().decode(whole.subarray(begin, begin + size)));
    } catch {
      throw new FramingError('a message is no JSON');
    }
    if (typeof message !== 'object' || message === null || typeof (message as Message).type !== 'string') throw new FramingError('a message has no type');
    // A copy that is no Buffer of Node's: VS Code passes on plain arrays alone.
    return { message: message as Message, sizes, payload: new Uint8Array(whole.subarray(begin + size)) };
  }

  /** The first `n` bytes, left where they are. */
  private peek(n: number): Uint8Array {
    if (this.pieces[0]!.length < n) this.pieces = [join(this.pieces, this.waiting)];
    return this.pieces[0]!.subarray(0, n);
  }

  private take(n: number): Uint8Array {
    const whole = join(this.pieces, this.waiting);
    this.waiting -= n;
    this.pieces = this.waiting ? [whole.subarray(n)] : [];
    return whole.subarray(0, n);
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function join(pieces: Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const out = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) { out.set(piece, at); at += piece.length; }
  return out;
}
