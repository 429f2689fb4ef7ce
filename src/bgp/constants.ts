// Numbers of the BGP wire format: RFC 4271 and the registries that extend it.
//
// Every decoder and encoder names these instead of writing literals. Pure data; only what this speaker meets is listed,
// with names for what it merely shows.

export const bgpVersion = 4;
export const markerBytes = 16;
/** RFC 4271 4.1: marker, 2 bytes of length, 1 byte of type. */
export const headerBytes = 19;
/** RFC 4271 4.1; of OPEN and KEEPALIVE always, of others until both sides offered longer ones. */
export const maxMessageBytes = 4096;
/** RFC 8654. */
export const maxExtendedMessageBytes = 65_535;
/** RFC 6793: stands in the 2-octet fields for an AS number that does not fit. */
export const asTrans = 23456;
/** RFC 4271 4.2: a hold time of 1 or 2 s must be refused. */
export const minHoldTimeSec = 3;

export const messageType = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;
export type MessageKind = keyof typeof messageType;
export const messageKinds = Object.keys(messageType) as readonly MessageKind[];

/** Shortest legal message of each type, header included (RFC 4271 6.1, RFC 2918 3). */
export const minMessageBytes: Readonly<Record<MessageKind, number>> = {
  open: 29,
  update: 23,
  notification: 21,
  keepalive: 19,
  routeRefresh: 23,
};

/** RFC 4271 4.5, RFC 7313 5, RFC 9687 3. */
export const errorCode = {
  header: 1,
  open: 2,
  update: 3,
  holdTimer: 4,
  fsm: 5,
  cease: 6,
  routeRefresh: 7,
  sendHoldTimer: 8,
} as const;

export const headerError = { notSynchronized: 1, badLength: 2, badType: 3 } as const;
export const openError = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badIdentifier: 3,
  unsupportedParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
  roleMismatch: 11,
} as const;
export const updateError = {
  malformedList: 1,
  unknownWellKnown: 2,
  missingWellKnown: 3,
  attributeFlags: 4,
  attributeLength: 5,
  invalidOrigin: 6,
  invalidNextHop: 8,
  optionalAttribute: 9,
  invalidNetwork: 10,
  malformedAsPath: 11,
} as const;
/** RFC 6608. */
export const fsmError = { openSent: 1, openConfirm: 2, established: 3 } as const;
/** RFC 7313 5. */
export const routeRefreshError = { invalidLength: 1 } as const;
/** RFC 2918; RFC 7313 3: the marks of a refresh's begin and end. */
export const refreshSubtype = { request: 0, begin: 1, end: 2 } as const;
/** RFC 4486, RFC 9384. */
export const ceaseError = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  configurationChange: 6,
  collision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** RFC 5492 4: the only optional parameter in use; 255 twice marks RFC 9072's longer form. */
export const capabilitiesParameter = 2;
export const extendedParameters = 255;

export const capabilityCode = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedNextHop: 5,
  extendedMessage: 6,
  role: 9,
  gracefulRestart: 64,
  fourOctetAs: 65,
  addPath: 69,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
  hostname: 73,
} as const;

export const attributeType = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  ipv6ExtendedCommunities: 25,
  largeCommunities: 32,
  onlyToCustomer: 35,
} as const;

export const attributeFlag = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

export const asSet = 1;
export const asSequence = 2;
/** RFC 5065: segments of a confederation, which stay inside it. */
export const asConfedSequence = 3;
export const asConfedSet = 4;
/** Most AS numbers that one AS_PATH segment can count. */
export const maxSegmentAses = 255;

/** RFC 8326: "prefer another path, this one is about to go". */
export const gracefulShutdownCommunity = '65535:0';
/** RFC 7999: "discard what is for this prefix". */
export const blackholeCommunity = '65535:666';
export const defaultLocalPref = 100;
export const highestMed = 0xffff_ffff;
