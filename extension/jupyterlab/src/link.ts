import { ISessionContext } from '@jupyterlab/apputils';
import { Kernel } from '@jupyterlab/services';
import { ISignal, Signal } from '@lumino/signaling';
import { Connection, Recording } from './connection';
import { t } from './words';

/** How things stand with the kernel of one notebook, as the panel says it. */
export type LinkState =
  | 'starting'         // there is no kernel yet, or it is on its way
  | 'asking'           // we have asked, and it is too early to say
  | 'busy'             // asked, and the running cell keeps it from answering
  | 'absent'           // it runs, and nobody has imported tapescope
  | 'live'
  | 'dead'
  | 'cut'              // the kernel may live, the line to it does not
  | 'none';            // the notebook has no kernel

const BUSY_AFTER = 1500;               // ms without an answer
const GIVE_UP_AFTER = 20_000;          // a kernel without the library never answers

/** The link between one notebook and its kernel: reconnects on restart, reload and kernel switch. It never polls. */
export class KernelLink {
  /** The recording that the panel shows of this kernel: an id, or the latest. */
  shown = 'latest';

  private _state: LinkState = 'starting';
  private _connection: Connection | null = null;
  private _recordings: Recording[] = [];
  private changed_ = new Signal<this, void>(this);
  private wanted = false;
  private died = false;
  private timer = 0;

  constructor(
    private context: ISessionContext,
    private client: string
  ) {
    context.kernelChanged.connect(this.onKernel, this);
    context.statusChanged.connect(this.onStatus, this);
    context.connectionStatusChanged.connect(this.onSocket, this);
    context.disposed.connect(this.dispose, this);
    this.onKernel();
  }

  get state(): LinkState {
    return this._state;
  }

  /** What views talk to; another object for every kernel process. */
  get connection(): Connection | null {
    return this._connection;
  }

  get recordings(): readonly Recording[] {
    return this._recordings;
  }

  get changed(): ISignal<this, void> {
    return this.changed_;
  }

  /** The kernel died and JupyterLab started another: what was recorded is gone. */
  get hasDied(): boolean {
    return this.died;
  }

  /** From now on somebody looks: connect, and stay connected. */
  want(): void {
    if (!this.wanted) {
      this.wanted = true;
      void this.connect();
    }
  }

  /** Runs the import in the kernel, as a cell of its own would. Resolves to the error's text, or null. */
  async importLibrary(): Promise<string | null> {
    const kernel = this.context.session?.kernel;
    if (!kernel) {
      return t('The notebook has no kernel.');
    }
    const reply = await kernel.requestExecute({ code: 'import tapescope as ts', store_history: false }).done;
    if (reply.content.status !== 'error') {
      void this.connect();               // the announcement is the usual way; an import long ago makes none
      return null;
    }
    const { ename, evalue } = reply.content;
    return ename === 'ModuleNotFoundError'
      ? `${evalue}. Install it where this kernel runs: pip install tapescope`
      : `${ename}: ${evalue}`;
  }

  /** Switches recording on or off, in the kernel. */
  /** `level`: what a recording that begins now keeps; without it, what the kernel thinks best. */
  toggleRecording(level?: string): void {
    const on = this._recordings.some(r => r.state === 'recording');
    this._connection?.send({
      type: 'command',
      request: `panel-${Date.now()}`,
      recording: 'latest',
      verb: on ? 'record.stop' : 'record.start',
      args: on || !level ? {} : { values: level }
    });
  }

  dispose(): void {
    window.clearTimeout(this.timer);
    this.drop(false);
    Signal.clearData(this);
  }

  private onKernel(): void {
    this.drop(true);
    const kernel = this.context.session?.kernel;
    if (!kernel) {
      this.set(this.context.hasNoKernel ? 'none' : 'starting');
      return;
    }
    // Registered whether or not a panel is open: an announcement that nobody takes is an error in the console.
    kernel.registerCommTarget('tapescope.announce', (comm, message) => {
      comm.onClose = () => undefined;
      if ((message.content.data as any)?.breakpoints) {
        this.want();                     // a cell may pause: somebody has to be there
        return;
      }
      this.drop(true);
      void this.connect();
    });
    void this.connect();
  }

  private onStatus(_: ISessionContext, status: Kernel.Status): void {
    if (status === 'restarting' || status === 'autorestarting') {
      this.died = status === 'autorestarting';
      this.drop(true);
      this.set('starting');
    } else if (status === 'dead' || status === 'terminating') {
      this.drop(true);
      this.set('dead');
    } else if (status === 'idle' && this._state === 'starting' && this.wanted) {
      void this.connect();               // a restarted kernel: it will say that it has no tapescope
    }
  }

  private onSocket(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    if (status !== 'connected' && this._state === 'live') {
      this.drop(true);
      this.set('cut');
    } else if (status === 'connected' && this._state === 'cut') {
      void this.connect();
    }
  }

  private async connect(): Promise<void> {
    const kernel = this.context.session?.kernel;
    if (!this.wanted || !kernel || this._connection) {
      return;
    }
    const connection = (this._connection = new Connection(kernel, this.client));
    connection.onClose = () => this.lost(connection);
    connection.onMessage = message => this.heard(connection, message);
    this.set('asking');
    try {
      // A page that was reloaded in the middle of a cell is told only when the cell has ended: the control channel answers before.
      await Promise.race([kernel.info, new Promise(done => window.setTimeout(done, BUSY_AFTER))]);
      await connection.open();
    } catch {
      this.lost(connection);
      return;
    }
    if (this._connection !== connection) {
      return;
    }
    const attach = { type: 'attach', protocol: 1, client: this.client, request: 'panel' };
    connection.send(attach);
    this.askAgain(connection, attach, BUSY_AFTER);
  }

  /** Behind a running cell only the control channel is heard, and a machine that has much to do may need more than one try. */
  private askAgain(connection: Connection, attach: object, after: number): void {
    this.timer = window.setTimeout(async () => {
      if (this._connection !== connection || (this._state !== 'asking' && this._state !== 'busy')) {
        return;
      }
      if (this._state === 'asking') {
        this.set('busy');
      }
      await connection.attachThroughControl(attach);
      if (after < GIVE_UP_AFTER && this._connection === connection) {
        this.askAgain(connection, attach, after * 2);
      }
    }, after);
  }

  private heard(connection: Connection, message: any): void {
    if (connection !== this._connection) {
      return;
    }
    if (message?.type === 'attached' || message?.type === 'recordings') {
      this._recordings = message.recordings ?? [];
      this.set('live');
    }
  }

  /** The kernel closed the comm: it knows no such target, or another window has taken our place. */
  private lost(connection: Connection): void {
    if (connection === this._connection) {
      this.drop(true);
      this.set('absent');
    }
  }

  private drop(quietly: boolean): void {
    window.clearTimeout(this.timer);
    const connection = this._connection;
    this._connection = null;
    this._recordings = [];
    connection?.close(quietly);
  }

  private set(state: LinkState): void {
    this._state = state;
    this.changed_.emit();
  }
}

/** One link a notebook, made when the notebook opens and kept until it closes. */
export class Links {
  private links = new Map<ISessionContext, KernelLink>();

  /** `window` is this browser tab's id: a reloaded page takes the place that it had before. */
  constructor(private window: string) {}

  /** Two views of one notebook are one link; two notebooks with one kernel are two clients of it. */
  of(context: ISessionContext): KernelLink {
    let link = this.links.get(context);
    if (!link) {
      link = new KernelLink(context, `${this.window}/${context.path}`);
      this.links.set(context, link);
      context.disposed.connect(() => this.links.delete(context));
    }
    return link;
  }
}
