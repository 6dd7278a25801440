import { Kernel, KernelMessage } from '@jupyterlab/services';
import type { Host } from '@tapescope/widgets';

type Handler = (message: any, buffers: DataView[]) => void;

/** What the wire says of one recording in `attached` and `recordings`. */
export interface Recording {
  id: string;
  name: string;
  state: string;
  step: number;
}

const CONTROL_PATIENCE = 1500;         // ms; a control handler answers within 35 ms even while the main thread is blocked
const SUBSHELL_PATIENCE = 1000;

/**
 * One comm to one kernel process, as the Host that views talk to.
 *
 * Data comes by the comm. What we send goes by the control channel, which a running cell does not block, and by the comm (on a
 * subshell where the kernel has them) until the kernel has shown that it listens there, or when it does not.
 */
export class Connection implements Host {
  onClose: () => void = () => undefined;
  onMessage: (message: any) => void = () => undefined;
  openSource?: Host['openSource'];
  showRecording?: Host['showRecording'];
  options: Record<string, unknown> = {};               // the theme that the user has set
  readonly tellsSelection = true;
  recording = 'latest';                                // which one a view that is attached now shows

  private comm: Kernel.IComm | null = null;
  private control: 'unattached' | 'untried' | 'works' | 'absent' = 'unattached';
  private handlers = new Set<Handler>();
  private closed = false;
  private outbox: Promise<void> = Promise.resolve();     // keeps the order, whichever channel carries a message

  constructor(
    private kernel: Kernel.IKernelConnection,
    readonly client: string
  ) {}

  /** Opens the comm; resolves when the request is on its way, not when it is answered. */
  async open(): Promise<void> {
    const comm = (this.comm = this.kernel.createComm('tapescope'));
    comm.onMsg = message => this.receive(message);
    comm.onClose = () => {
      this.closed = true;
      this.onClose();
    };
    // Opened before its subshell exists, a comm stays behind the running cell for ever.
    const started = (comm as unknown as { subshellStarted?: Promise<void> }).subshellStarted;
    if (this.kernel.supportsSubshells && started) {
      await Promise.race([started.catch(() => undefined), new Promise(done => setTimeout(done, SUBSHELL_PATIENCE))]);
    }
    if (!this.closed && !comm.isDisposed) {
      comm.open({ client: this.client, protocol: 1 });
    }
  }

  send(message: object, buffers: ArrayBuffer[] = []): void {
    this.outbox = this.outbox.then(() => this.deliver(message, buffers)).catch(reason => console.warn('tapescope:', reason));
  }

  listen(handler: Handler): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  /** Asks by the control channel alone: reaches a kernel whose shell is busy and that has no subshells. */
  async attachThroughControl(message: object): Promise<void> {
    if (this.control === 'unattached' && !this.closed && (await this.answered(this.request(message)))) {
      this.control = 'works';
    }
  }

  /** `quietly` when the kernel process is gone, so that nothing can be sent to it. */
  close(quietly = false): void {
    const comm = this.comm;
    this.closed = true;
    this.onClose = () => undefined;
    this.handlers.clear();
    if (comm && !comm.isDisposed && !this.kernel.isDisposed) {
      if (quietly) {
        comm.dispose();
      } else {
        comm.close();
      }
    }
  }

  private async deliver(message: object, buffers: ArrayBuffer[]): Promise<void> {
    if (this.closed || this.kernel.isDisposed) {
      return;
    }
    if (buffers.length === 0 && this.control === 'works') {
      // Not awaited, and never sent a second time by the comm: what the control channel took arrives, in order.
      this.request(message);
      return;
    }
    if (buffers.length === 0 && this.control === 'untried') {
      this.control = (await this.answered(this.request(message))) ? 'works' : 'absent';
      if (this.control === 'works') {
        return;
      }
    }
    const comm = this.comm;
    if (comm && !comm.isDisposed) {
      comm.send(message as any, undefined, buffers);
    }
  }

  private request(message: object): Kernel.IControlFuture<any> {
    const request = KernelMessage.createMessage({
      msgType: 'tapescope_request' as any,
      channel: 'control',
      session: this.kernel.clientId,
      username: this.kernel.username,
      content: { ...message, client: this.client, comm_id: this.comm?.commId ?? '' } as any
    } as any);
    const future = this.kernel.sendControlMessage(request as any, true, true);
    future.done.catch(() => undefined);                 // disposed with its kernel
    return future;
  }

  /** A kernel without our handler never replies, hence the patience. */
  private async answered(future: Kernel.IControlFuture<any>): Promise<boolean> {
    const late = new Promise<null>(done => setTimeout(() => done(null), CONTROL_PATIENCE));
    const reply = await Promise.race([future.done.catch(() => null), late]);
    if (reply === null) {
      future.dispose();
    }
    return (reply?.content as any)?.status === 'ok';
  }

  private receive(message: KernelMessage.ICommMsgMsg): void {
    const data = message.content.data as any;
    const buffers = (message.buffers ?? []).map(b =>
      ArrayBuffer.isView(b) ? new DataView(b.buffer as ArrayBuffer, b.byteOffset, b.byteLength) : new DataView(b as ArrayBuffer)
    );
    if (data?.type === 'attached' && this.control === 'unattached') {
      this.control = data.control === false ? 'absent' : 'untried';
    }
    this.onMessage(data);
    for (const handler of [...this.handlers]) {
      try {
        handler(data, buffers);
      } catch (error) {
        console.error('tapescope: a view could not read', data?.type, error);
      }
    }
  }
}
