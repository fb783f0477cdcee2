import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { followSignals } from '../../src/observe/follow-signals.js';
import { openLog } from '../../src/observe/open-log.js';
import { Verbosity } from '../../src/observe/verbosity.js';
import type { LogLevel } from '../../src/ports/log.js';
import { client, manager } from '../forwarder/grpc/door.js';

function opened(format: 'text' | 'json' = 'text', level: LogLevel = 'info') {
  const lines: string[] = [];
  const verbosity = new Verbosity(level);
  const log = openLog({ verbosity, format, name: 'forwarder-1', write: (line) => lines.push(line) });
  return { lines, verbosity, log };
}

/** Without its time. */
function rest(line: string | undefined): string {
  return line?.replace(/^\w{3} [ \d]\d \d\d:\d\d:\d\d\.\d{3} /, '') ?? '';
}

describe('a log line as text', () => {
  it('has time, level, id and name before all other fields, and the message', () => {
    const { log, lines } = opened();
    log.with({ part: 'deviceplugin' }).warn('not done', { attempt: 2, connection: 'c-1' });

    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(
      /^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]\d \d\d:\d\d:\d\d\.\d{3} \[WARN\] /,
    );
    expect(rest(lines[0])).to.equal('[WARN] [id:c-1] [name:forwarder-1] [part:deviceplugin] [attempt:2] not done\n');
  });

  it('is one line, whatever the message and the fields are', () => {
    const { log, lines } = opened();
    log.error('first\n  second\r\nthird\n', { stack: 'a\n    at b', list: ['x', 'y'] });
    expect(rest(lines[0])).to.equal('[ERRO] [name:forwarder-1] [stack:a at b] [list:["x","y"]] first second third\n');
  });

  it('says the beginning of what is far too long, and how long it was', () => {
    for (const format of ['text', 'json'] as const) {
      const { log, lines } = opened(format);
      log.warn('m'.repeat(1_000_000), { connection: 'i'.repeat(1_000_000) });
      expect(lines[0]).to.have.length.below(25_000);
      expect(lines[0]).to.include('mmm… (1000000 characters)').and.to.include('iii… (1000000 characters)');
    }
  });

  it('is written also with fields that JSON cannot say', () => {
    const { log, lines } = opened();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    log.info('strange', { inode: 4026532394n, loop, nothing: undefined });
    expect(rest(lines[0])).to.equal('[INFO] [name:forwarder-1] [inode:4026532394] [loop:[object Object]] strange\n');
  });
});

describe('a log line as JSON', () => {
  it('has level, time, name, fields and message', () => {
    const { log, lines } = opened('json');
    log.info('phase: listening', { url: 'unix:///a' });
    const { time, ...others } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(others).to.deep.equal({ level: 30, name: 'forwarder-1', url: 'unix:///a', msg: 'phase: listening' });
    expect(Date.parse(String(time))).to.be.closeTo(Date.now(), 60_000);
  });
});

describe('the log', () => {
  for (const format of ['text', 'json'] as const) {
    it(`S7: shows no token, as ${format}, wherever one got into a line`, () => {
      const { log, lines } = opened(format, 'trace');
      const { text } = client.for(manager);
      log.warn(`the peer says: bad token ${text}, sorry`, { token: text, path: { segments: [{ token: text }] } });
      log.with({ token: text }).debug('x');
      // Glued to something, and where a long text is cut.
      log.warn(`inode://4/1${text}`, { url: `${'x'.repeat(900)}${text}` });
      expect(lines.join('')).to.include('bad token <token>, sorry');
      expect(lines.join('')).not.to.include(text.split('.')[1]);
    });
  }

  it('shows lines of its level and above', () => {
    const shown = (level: LogLevel) => {
      const { log, lines } = opened('text', level);
      log.debug('d');
      log.info('i');
      log.warn('w');
      log.error('e');
      return lines.length;
    };
    const levels = ['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
    expect(levels.map(shown)).to.deep.equal([0, 0, 1, 2, 3, 4, 4]);
  });

  it('shows everything after SIGUSR1 and what was configured after SIGUSR2, also what was opened before', () => {
    const { log, lines, verbosity } = opened();
    const child = log.with({ connection: 'c-1' });
    const signals = new EventEmitter();
    followSignals(signals, verbosity, log);

    child.debug('hidden');
    signals.emit('SIGUSR1');
    child.debug('shown');
    signals.emit('SIGUSR2');
    child.debug('hidden again');

    expect(lines.map((line) => rest(line).replace(/^.*\] /, ''))).to.deep.equal([
      'log level is trace now\n',
      'shown\n',
      'log level is info now\n',
    ]);
  });

  it('takes both signals also when it shows everything anyway: by themselves they open a debugger or end the process', () => {
    const { log, verbosity } = opened('text', 'trace');
    const signals = new EventEmitter();
    followSignals(signals, verbosity, log);
    expect([signals.listenerCount('SIGUSR1'), signals.listenerCount('SIGUSR2')]).to.deep.equal([1, 1]);
  });
});
