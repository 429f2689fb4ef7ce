import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MessageKind, messageKinds } from '../../../src/bgp/constants.ts';
import { families } from '../../../src/bgp/families.ts';
import { goodSessionMs, initialState, isExpected, omissionMs, openHoldSec, sessionState, step } from '../../../src/bgp/fsm.ts';
import type { FsmAction, FsmConfig, FsmEvent, FsmState } from '../../../src/bgp/fsm-types.ts';
import type { Message } from '../../../src/bgp/messages.ts';
import { NotificationError, notification } from '../../../src/bgp/notification.ts';
import type { OpenMessage } from '../../../src/bgp/open.ts';

const config: FsmConfig = {
  localAs: 65010,
  routerId: '10.66.0.11',
  peerAs: 65000,
  holdTimeSec: 9,
  families: [families.ipv4],
  transport: 'ipv4',
  role: undefined,
  hostname: undefined,
  passive: false,
};
const router: OpenMessage = {
  kind: 'open',
  as: 65000,
  holdTimeSec: 180,
  routerId: '10.66.0.1',
  capabilities: [
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    { kind: 'fourOctetAs', as: 65000 },
  ],
};
const keepalive: Message = { kind: 'keepalive' };
const update: Message = { kind: 'update', withdrawn: [], attributes: {}, announced: [], faults: [], discarded: [] };
const shutdown = notification(6, 2);

type Untimed = FsmEvent extends infer E ? (E extends unknown ? Omit<E, 'atMs'> & { readonly atMs?: number } : never) : never;
const start: Untimed = { kind: 'start' };
const dialled = (link: number): Untimed => ({ kind: 'dialled', link });
const called = (link: number): Untimed => ({ kind: 'called', link });
const hears = (link: number, message: Message, atMs = 0): Untimed => ({ kind: 'message', link, message, atMs });

interface Run {
  readonly state: FsmState;
  /** Of the last event. */
  readonly actions: readonly FsmAction[];
}

const run = (events: readonly Untimed[], from: FsmState = initialState(config)): Run =>
  events.reduce<Run>(({ state }, event) => step(state, { atMs: 0, ...event }), { state: from, actions: [] });

const kinds = ({ actions }: Run) => actions.map(({ kind }) => kind);
const closing = ({ actions }: Run) =>
  actions
    .filter((action) => action.kind === 'close')
    .map(({ link, notification: sent }) => [link, sent === undefined ? null : `${sent.code}/${sent.subcode}`]);

const toOpenSent = [start, dialled(1)];
const toOpenConfirm = [...toOpenSent, hears(1, router)];
const toEstablished = [...toOpenConfirm, hears(1, keepalive)];

describe('the state machine on its way up', () => {
  it.each<[string, readonly Untimed[], string, readonly string[]]>([
    ['Idle before it is started', [], 'idle', []],
    ['Connect once started', [start], 'connect', ['dial']],
    ['OpenSent once connected', toOpenSent, 'openSent', ['retryAfter', 'send', 'hold']],
    ['OpenConfirm once it has the OPEN', toOpenConfirm, 'openConfirm', ['agreed', 'send', 'keepalives', 'hold']],
    ['Established once it has the KEEPALIVE', toEstablished, 'established', ['cancelDial', 'hold', 'established']],
    ['Active when nobody answers', [start, { kind: 'dialFailed', text: 'refused' }], 'active', ['ended', 'retryAfter']],
    [
      'OpenSent when called in Active',
      [start, { kind: 'dialFailed', text: 'refused' }, called(2)],
      'openSent',
      ['retryAfter', 'send', 'hold'],
    ],
    [
      'Connect again when the retry is due',
      [start, { kind: 'dialFailed', text: 'refused' }, { kind: 'retryDue' }],
      'connect',
      ['dial'],
    ],
  ])('is %s', (_what, events, state, actions) => {
    const result = run(events);
    expect(sessionState(result.state)).toBe(state);
    expect(kinds(result)).toEqual(actions);
  });

  it('waits in Active for a peer that it must not call, and takes its call', () => {
    const passive = initialState({ ...config, passive: true });
    expect(sessionState(run([start], passive).state)).toBe('active');
    expect(kinds(run([start, { kind: 'retryDue' }], passive))).toEqual([]);
    expect(sessionState(run([start, called(1), hears(1, router), hears(1, keepalive)], passive).state)).toBe('established');
    expect(kinds(run([start, called(1), { kind: 'closed', link: 1, text: 'gone' }], passive))).toEqual(['ended']);
  });

  it('takes the smaller hold time, and no timers where that is zero', () => {
    const hold = ({ actions }: Run) => actions.find((action) => action.kind === 'hold');
    expect(hold(run(toOpenSent))).toMatchObject({ sec: openHoldSec });
    expect(hold(run(toOpenConfirm))).toMatchObject({ sec: 9 });
    const without = [...toOpenSent, hears(1, { ...router, holdTimeSec: 0 })];
    expect(hold(run(without))).toMatchObject({ sec: openHoldSec });
    expect(hold(run([...without, hears(1, keepalive)]))).toMatchObject({ sec: 0 });
  });

  it('does not dial while a caller is being talked to', () => {
    const result = run([start, { kind: 'dialFailed', text: 'refused' }, called(2), { kind: 'retryDue' }]);
    expect(kinds(result)).toEqual([]);
  });

  it('refuses a call while it is stopped', () => {
    expect(closing(run([called(1)]))).toEqual([[1, '6/5']]);
  });
});

describe('a message that does not belong into the state', () => {
  const stages = { openSent: toOpenSent, openConfirm: toOpenConfirm, established: toEstablished };
  const refresh: Message = { kind: 'routeRefresh', afi: 1, safi: 1, subtype: 0 };
  it.each<[keyof typeof stages, Message, string, number]>([
    ['openSent', keepalive, '5/1', 4],
    ['openSent', update, '5/1', 2],
    ['openSent', refresh, '5/1', 5],
    ['openConfirm', router, '5/2', 1],
    ['openConfirm', update, '5/2', 2],
    ['openConfirm', refresh, '5/2', 5],
    ['established', router, '5/3', 1],
  ])('ends the session in %s: %o', (stage, message, expected, type) => {
    const result = run([...stages[stage], hears(1, message)]);
    expect(closing(result)).toEqual([[1, expected]]);
    expect(result.actions.find((action) => action.kind === 'close')?.notification?.data).toEqual(Uint8Array.of(type));
    expect(sessionState(result.state)).toBe('idle');
    expect(kinds(result)).toContain('retryAfter');
    // The same without a look into it, as the connection asks first.
    expect(isExpected(run(stages[stage]).state, 1, message.kind)).toBe(false);
    expect(run([...stages[stage], { kind: 'unexpected', link: 1, messageKind: message.kind }])).toEqual(result);
  });

  it('is none that belongs there, and none of a link that is gone', () => {
    const belongs: readonly (readonly [keyof typeof stages, readonly MessageKind[]])[] = [
      ['openSent', ['open', 'notification']],
      ['openConfirm', ['keepalive', 'notification']],
      ['established', ['update', 'keepalive', 'routeRefresh', 'notification']],
    ];
    for (const [stage, expected] of belongs) {
      const { state } = run(stages[stage]);
      expect(messageKinds.filter((kind) => isExpected(state, 1, kind)).sort()).toEqual([...expected].sort());
      expect(messageKinds.every((kind) => isExpected(state, 9, kind))).toBe(true);
    }
  });
});

describe('roles (RFC 9234)', () => {
  const customer = initialState({ ...config, role: 'customer' });
  const claims = (role: number): OpenMessage => ({ ...router, capabilities: [...router.capabilities, { kind: 'role', role }] });

  it('that do not fit end it with 2/11', () => {
    expect(closing(run([...toOpenSent, hears(1, claims(3))], customer))).toEqual([[1, '2/11']]);
  });

  it('that fit, or that only one side has, are no obstacle', () => {
    expect(sessionState(run([...toOpenSent, hears(1, claims(0))], customer).state)).toBe('openConfirm');
    expect(sessionState(run([...toOpenSent, hears(1, router)], customer).state)).toBe('openConfirm');
    expect(sessionState(run([...toOpenSent, hears(1, claims(3))]).state)).toBe('openConfirm');
  });

  it('are not held against a peer that made us leave ours out', () => {
    const bare = [...toOpenSent, hears(1, notification(2, 4)), { kind: 'retryDue' }, dialled(2)] as const;
    expect(sessionState(run([...bare, hears(2, claims(3))], customer).state)).toBe('openConfirm');
  });
});

describe('a session ends', () => {
  it.each<[string, Untimed, string | null, boolean]>([
    ['with 4/0 when the hold timer expires', { kind: 'holdExpired', link: 1 }, '4/0', false],
    [
      'with what the decoder threw',
      { kind: 'malformed', link: 1, error: new NotificationError(3, 10, 'bad prefix') },
      '3/10',
      false,
    ],
    ['without a word when the peer has sent a NOTIFICATION', hears(1, shutdown), null, false],
    ['with 8/0, if it can still be said, when the peer stops reading', { kind: 'sendHoldExpired', link: 1 }, '8/0', true],
    ['with what the operator says', { kind: 'stop', notification: shutdown }, '6/2', false],
  ])('%s', (_what, event, expected, abort) => {
    const result = run([...toEstablished, event]);
    expect(closing(result)).toEqual([[1, expected]]);
    expect(result.actions.find((action) => action.kind === 'close')).toMatchObject({ abort });
    expect(result.actions.find((action) => action.kind === 'ended')).toMatchObject({ wasEstablished: true });
    expect(sessionState(result.state)).toBe('idle');
  });

  it('as Active where only the connection was lost, before an OPEN had come', () => {
    const gone: Untimed = { kind: 'closed', link: 1, text: 'gone' };
    expect(sessionState(run([...toOpenSent, gone]).state)).toBe('active');
    expect(sessionState(run([...toOpenConfirm, gone]).state)).toBe('idle');
    expect(sessionState(run([...toOpenSent, called(2), gone]).state)).toBe('openSent');
    expect(kinds(run([...toOpenSent, gone, { kind: 'retryDue' }]))).toEqual(['dial']);
  });

  it('and tries again later, unless it was stopped', () => {
    expect(kinds(run([...toEstablished, { kind: 'closed', link: 1, text: 'gone' }]))).toEqual(['ended', 'retryAfter']);
    const stopped = run([...toEstablished, { kind: 'stop', notification: shutdown }]);
    expect(stopped.actions[0]).toEqual({ kind: 'retryAfter', failures: undefined });
  });

  it('and waits longer each time, until a session has been good', () => {
    const failures = ({ actions }: Run) => actions.find((action) => action.kind === 'retryAfter')?.failures;
    const lost = (link: number, atMs: number): Untimed => ({ kind: 'closed', link, text: 'gone', atMs });
    const first = run([...toEstablished, lost(1, 1000)]);
    expect(failures(first)).toBe(1);
    const second = run([{ kind: 'retryDue' }, dialled(2), lost(2, 2000)], first.state);
    expect(failures(second)).toBe(2);
    const again = [{ kind: 'retryDue' }, dialled(3), hears(3, router), hears(3, keepalive)] as const;
    expect(failures(run([...again, lost(3, goodSessionMs - 1)], second.state))).toBe(3);
    expect(failures(run([...again, lost(3, goodSessionMs)], second.state))).toBe(1);
  });
});

describe('an established session', () => {
  it('restarts the hold timer with every message of the peer', () => {
    const hold: FsmAction = { kind: 'hold', link: 1, sec: 9 };
    expect(run([...toEstablished, hears(1, keepalive)]).actions).toEqual([hold]);
    expect(run([...toEstablished, hears(1, update)]).actions).toEqual([hold, { kind: 'hear', link: 1, message: update }]);
  });

  const asks = (open: OpenMessage) => (afi: number, subtype: number) =>
    kinds(run([...toOpenSent, hears(1, open), hears(1, keepalive), hears(1, { kind: 'routeRefresh', afi, safi: 1, subtype })]));

  it('tells its routes again when the peer asks for a family both speak, whatever the reserved byte says', () => {
    const ask = asks(router);
    expect(ask(1, 0)).toEqual(['hold', 'refresh']);
    expect(ask(1, 1)).toEqual(['hold', 'refresh']);
    expect(ask(2, 0)).toEqual(['hold']);
  });

  it('knows begin and end of a refresh where both do (RFC 7313), and ignores what it does not know', () => {
    const ask = asks({ ...router, capabilities: [...router.capabilities, { kind: 'enhancedRouteRefresh' }] });
    expect([0, 1, 2, 3].map((subtype) => ask(1, subtype))).toEqual([
      ['hold', 'refresh'],
      ['hold', 'hear'],
      ['hold', 'hear'],
      ['hold'],
    ]);
    expect([0, 1, 2].map((subtype) => ask(2, subtype))).toEqual([['hold'], ['hold'], ['hold']]);
  });

  it('keeps sending keepalives', () => {
    expect(run([...toEstablished, { kind: 'keepaliveDue', link: 1 }]).actions).toEqual([
      { kind: 'send', link: 1, message: keepalive },
      { kind: 'keepalives', link: 1, holdTimeSec: 9 },
    ]);
  });

  it('ignores what comes late from a link that is gone', () => {
    const { state } = run(toEstablished);
    for (const event of [hears(9, update), { kind: 'holdExpired', link: 9 }, { kind: 'closed', link: 9, text: '' }] as const) {
      expect(run([event], state)).toEqual({ state, actions: [] });
    }
  });
});

describe('a collision of two connections (RFC 4271 6.8)', () => {
  const both = [start, dialled(1), called(2)];
  const confirmed = (first: number, second: number, open: OpenMessage) => run([...both, hears(first, open), hears(second, open)]);
  const higher = { ...router, routerId: '10.66.0.99' };

  it('leaves the connection of the side with the higher identifier, whichever was first', () => {
    expect(closing(confirmed(1, 2, router))).toEqual([[2, '6/7']]);
    expect(closing(confirmed(2, 1, router))).toEqual([[2, '6/7']]);
    expect(closing(confirmed(1, 2, higher))).toEqual([[1, '6/7']]);
    expect(closing(confirmed(2, 1, higher))).toEqual([[1, '6/7']]);
  });

  it('leaves the connection of the higher AS where the identifiers are equal', () => {
    expect(closing(confirmed(1, 2, { ...router, routerId: config.routerId }))).toEqual([[2, '6/7']]);
    const lower = initialState({ ...config, localAs: 64000 });
    const open = { ...router, routerId: config.routerId };
    expect(closing(run([...both, hears(1, open), hears(2, open)], lower))).toEqual([[1, '6/7']]);
  });

  it('compares identifiers as numbers', () => {
    expect(closing(confirmed(1, 2, { ...router, routerId: '9.255.255.255' }))).toEqual([[2, '6/7']]);
    expect(closing(confirmed(1, 2, { ...router, routerId: '192.0.2.1' }))).toEqual([[1, '6/7']]);
  });

  it('never takes an established session away', () => {
    const late = run([...toEstablished, called(2), hears(2, higher)]);
    expect(closing(late)).toEqual([[2, '6/7']]);
    expect(sessionState(late.state)).toBe('established');
  });

  it('counts as no failure, and the session goes on', () => {
    const won = run([hears(1, keepalive)], confirmed(1, 2, router).state);
    expect(sessionState(won.state)).toBe('established');
    expect(won.state.failures).toBe(0);
    const told = run([...both, hears(1, router), hears(2, notification(6, 7))]);
    expect(told.state.failures).toBe(0);
    expect(kinds(told)).toEqual(['close']);
  });

  it('closes what has not got further when the other is established', () => {
    expect(closing(run([...both, hears(1, router), hears(1, keepalive)]))).toEqual([[2, '6/7']]);
  });

  it('lets a new call replace one that came to nothing', () => {
    const result = run([start, called(1), called(2)]);
    expect(closing(result)).toEqual([[1, '6/7']]);
    expect(result.state.links.map(({ id }) => id)).toEqual([2]);
  });
});

describe('a peer that refuses our capabilities', () => {
  const refused = (subcode: number, data = new Uint8Array()) => [
    ...toOpenSent,
    hears(1, notification(2, subcode, data)),
    { kind: 'retryDue' } as const,
  ];
  const offered = ({ actions }: Run) => {
    const send = actions.find((action) => action.kind === 'send');
    return send?.message.kind === 'open' ? send.message.capabilities.map(({ kind }) => kind) : undefined;
  };

  const all = ['multiprotocol', 'routeRefresh', 'extendedMessage', 'fourOctetAs', 'enhancedRouteRefresh'];

  it('is next offered all but the ones it named', () => {
    expect(offered(run([...refused(7, Uint8Array.of(2, 0)), dialled(2)]))).toEqual(all.filter((kind) => kind !== 'routeRefresh'));
  });

  it('is next offered none when it named none, or wants no optional parameter', () => {
    expect(offered(run([...refused(7), dialled(2)]))).toEqual([]);
    expect(offered(run([...refused(4), dialled(2)]))).toEqual([]);
  });

  it('is next offered none when it goes on naming one that is gone', () => {
    const named = Uint8Array.of(2, 0);
    const twice = [...refused(7, named), dialled(2), hears(2, notification(2, 7, named)), { kind: 'retryDue' } as const];
    expect(offered(run([...twice, dialled(3)]))).toEqual([]);
  });

  it('is offered all again after an hour, and when the document changes', () => {
    expect(offered(run([...refused(4), { ...dialled(2), atMs: omissionMs }]))).toEqual(all);
    expect(offered(run([...refused(4), { kind: 'configure', config }, dialled(2)]))).toEqual(all);
  });
});

describe('a peer that other means know to be dead', () => {
  const lost: Untimed = { kind: 'lost' };
  const regained: Untimed = { kind: 'regained' };

  it('loses its session with CEASE / BFD Down, however far it had come', () => {
    expect(closing(run([...toEstablished, lost]))).toEqual([[1, '6/10']]);
    expect(closing(run([...toOpenConfirm, called(2), lost]))).toEqual([
      [1, '6/10'],
      [2, '6/10'],
    ]);
    expect(kinds(run([start, lost]))).toEqual(['retryAfter', 'cancelDial', 'ended']);
  });

  it('is said to be the reason also where there was no session to lose', () => {
    const refused: Untimed = { kind: 'dialFailed', text: 'connect ECONNREFUSED' };
    const [said] = run([start, refused, lost]).actions.filter((action) => action.kind === 'ended');
    expect(said).toMatchObject({ link: undefined, wasEstablished: false, ending: { direction: 'local' } });
    expect(said?.ending.text).toMatch(/^BFD went down/);
  });

  it('is neither called nor heard', () => {
    const after = run([...toEstablished, lost]).state;
    expect(kinds(run([{ kind: 'retryDue' }], after))).toEqual([]);
    expect(closing(run([called(2)], after))).toEqual([[2, '6/5']]);
    expect(kinds(run([{ kind: 'stop', notification: shutdown }, start], after))).toEqual([]);
    expect(sessionState(after)).toBe('idle');
  });

  it('is called again once regained, after the pause that its failures have earned', () => {
    const flap = [dialled(1), hears(1, router), hears(1, keepalive), lost, regained];
    const waits = (events: readonly Untimed[]) =>
      run(events).actions.map((action) => [action.kind, 'failures' in action ? action.failures : 0]);
    expect(waits([start, ...flap])).toEqual([['retryAfter', 1]]);
    expect(waits([start, ...flap, { kind: 'retryDue' }, ...flap])).toEqual([['retryAfter', 2]]);
    expect(kinds(run([start, ...flap, { kind: 'retryDue' }]))).toEqual(['dial']);
    const passive = initialState({ ...config, passive: true });
    expect(kinds(run([start, lost, regained], passive))).toEqual([]);
    expect(kinds(run([start, lost, regained, called(1)], passive))).toEqual(['retryAfter', 'send', 'hold']);
  });
});

describe('whatever happens', () => {
  const link = fc.integer({ min: 1, max: 4 });
  const message = fc.constantFrom<Message>(
    router,
    { ...router, routerId: '99.0.0.1' },
    { ...router, as: 1 },
    keepalive,
    update,
    shutdown,
  );
  const event: fc.Arbitrary<Untimed> = fc.oneof(
    fc.constant(start),
    fc.constant<Untimed>({ kind: 'retryDue' }),
    fc.constant<Untimed>({ kind: 'dialFailed', text: 'refused' }),
    fc.constant<Untimed>({ kind: 'stop', notification: shutdown }),
    fc.constantFrom<Untimed>({ kind: 'lost' }, { kind: 'regained' }),
    link.map(called),
    fc.tuple(link, message).map(([id, heard]) => hears(id, heard)),
    link.map((id): Untimed => ({ kind: 'holdExpired', link: id })),
    link.map((id): Untimed => ({ kind: 'closed', link: id, text: 'gone' })),
  );

  it('there are at most two links, one of them established, and every link that goes is closed or was', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state = initialState(config);
        let next = 100;
        for (const given of events) {
          const fresh = given.kind === 'called' ? called(next++) : given;
          const before = state.links.map(({ id }) => id);
          const done = step(state, { atMs: 0, ...fresh });
          state = done.state;
          const gone = before.filter((id) => !state.links.some((link) => link.id === id));
          const closed = done.actions.filter((action) => action.kind === 'close').map((action) => action.link);
          if (fresh.kind !== 'closed') expect(closed).toEqual(expect.arrayContaining(gone));
          expect(state.links.length).toBeLessThanOrEqual(2);
          expect(state.links.filter(({ phase }) => phase === 'established').length).toBeLessThanOrEqual(1);
          if (!state.started || state.held) expect(state.links).toEqual([]);
        }
      }),
    );
  });

  it('a started peer that may dial is either connected, dialling or waiting to dial, and one known to be dead is neither', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state = initialState(config);
        let dialling = false;
        let waiting = false;
        let next = 100;
        for (const given of events) {
          if (given.kind === 'dialFailed' && !dialling) continue;
          if (given.kind === 'retryDue' && !waiting) continue;
          if (given.kind === 'dialFailed') dialling = false;
          if (given.kind === 'retryDue') waiting = false;
          const fresh = given.kind === 'called' ? called(next++) : given;
          const done = step(state, { atMs: 0, ...fresh });
          state = done.state;
          for (const action of done.actions) {
            if (action.kind === 'dial') dialling = true;
            if (action.kind === 'cancelDial') dialling = false;
            if (action.kind === 'retryAfter') waiting = action.failures !== undefined;
          }
          if (state.started && !state.held) expect(state.links.length > 0 || dialling || waiting).toBe(true);
          else expect(dialling || waiting).toBe(false);
        }
      }),
    );
  });
});
