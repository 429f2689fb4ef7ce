import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, type LogOptions, readableLine } from '../../src/logging.ts';

function logging(format: LogOptions['format'] = 'json') {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format, destination: { write: (line: string) => void lines.push(line) } });
  const parsed = (): readonly Record<string, unknown>[] => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, lines, parsed };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the log', () => {
  it('is one line of JSON each, with time, level in words and fields', () => {
    const { logger, lines, parsed } = logging();
    logger.warn({ peer: '10.0.1.1', flaps: 3 }, 'session lost');
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    expect(parsed()).toEqual([
      { level: 'warn', time: new Date().toISOString(), peer: '10.0.1.1', flaps: 3, msg: 'session lost' },
    ]);
  });

  it('is readable as text', () => {
    const { logger, lines } = logging('text');
    logger.warn({ peer: '10.0.1.1', reason: 'hold timer expired' }, 'session lost');
    expect(lines[0]?.slice(12)).toBe(' warn  session lost peer=10.0.1.1 reason="hold timer expired"\n');
  });

  it('shows the stack of an error as text', () => {
    expect(readableLine('{"level":"error","msg":"broken","err":{"message":"x","stack":"Error: x\\n    at y"}}')).toBe(
      ' error broken\n  Error: x\n      at y\n',
    );
    expect(readableLine('{"level":"warn","msg":"a\\u001b[2Jb","err":{"stack":"Error: \\u009b2J\\n at y"}}')).toBe(
      ' warn  a [2Jb\n  Error:  2J\n   at y\n',
    );
  });

  it('never writes what is named like a secret', () => {
    const { logger, lines } = logging();
    logger.info(
      { password: 'hunter2', peer: { password: 'hunter2' }, cluster: { secret: 'hunter2' }, a: { b: { token: 'hunter2' } } },
      'x',
    );
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('writes a message five times, then counts it and tells the count', () => {
    const { logger, parsed } = logging();
    for (let i = 0; i < 100; i++) logger.warn({ peer: '10.0.1.1', attempt: i }, 'connection refused');
    expect(parsed().length).toBe(5);
    vi.advanceTimersByTime(10_000);
    expect(parsed().at(-1)).toMatchObject({ level: 'warn', repeated: 95, msg: 'connection refused' });
    logger.warn({ peer: '10.0.1.1' }, 'connection refused');
    expect(parsed().length).toBe(7);
  });

  it('takes messages about different things for different', () => {
    const { logger, parsed } = logging();
    for (let i = 0; i < 20; i++) logger.child({ peer: `10.0.1.${i}` }).warn('connection refused');
    for (let i = 0; i < 20; i++) logger.warn({ peer: `10.0.1.${i}` }, 'session lost');
    expect(parsed().length).toBe(40);
  });
});
