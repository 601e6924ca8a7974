// Original file: protos/decorum/reward/v1/reward_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetInfoRequest as _decorum_reward_v1_GetInfoRequest, GetInfoRequest__Output as _decorum_reward_v1_GetInfoRequest__Output } from '../../../decorum/reward/v1/GetInfoRequest.ts';
import type { GetInfoResponse as _decorum_reward_v1_GetInfoResponse, GetInfoResponse__Output as _decorum_reward_v1_GetInfoResponse__Output } from '../../../decorum/reward/v1/GetInfoResponse.ts';
import type { ScoreRequest as _decorum_reward_v1_ScoreRequest, ScoreRequest__Output as _decorum_reward_v1_ScoreRequest__Output } from '../../../decorum/reward/v1/ScoreRequest.ts';
import type { ScoreResponse as _decorum_reward_v1_ScoreResponse, ScoreResponse__Output as _decorum_reward_v1_ScoreResponse__Output } from '../../../decorum/reward/v1/ScoreResponse.ts';
import type { ScoreStreamRequest as _decorum_reward_v1_ScoreStreamRequest, ScoreStreamRequest__Output as _decorum_reward_v1_ScoreStreamRequest__Output } from '../../../decorum/reward/v1/ScoreStreamRequest.ts';
import type { ScoreStreamResponse as _decorum_reward_v1_ScoreStreamResponse, ScoreStreamResponse__Output as _decorum_reward_v1_ScoreStreamResponse__Output } from '../../../decorum/reward/v1/ScoreStreamResponse.ts';

/**
 * A reward model: a sequence classifier. Its score is the raw logit of a label that the caller names.
 */
export interface RewardServiceClient extends grpc.Client {
  /**
   * The model, its labels and the limits of this server.
   */
  GetInfo(argument: _decorum_reward_v1_GetInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  GetInfo(argument: _decorum_reward_v1_GetInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  GetInfo(argument: _decorum_reward_v1_GetInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  GetInfo(argument: _decorum_reward_v1_GetInfoRequest, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The model, its labels and the limits of this server.
   */
  getInfo(argument: _decorum_reward_v1_GetInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  getInfo(argument: _decorum_reward_v1_GetInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  getInfo(argument: _decorum_reward_v1_GetInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  getInfo(argument: _decorum_reward_v1_GetInfoRequest, callback: grpc.requestCallback<_decorum_reward_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Scores a few texts. Fails fast: RESOURCE_EXHAUSTED with a pushback when the queue is full.
   * INVALID_ARGUMENT: a label that the model lacks, too many items, a text over the limits.
   */
  Score(argument: _decorum_reward_v1_ScoreRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  Score(argument: _decorum_reward_v1_ScoreRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  Score(argument: _decorum_reward_v1_ScoreRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  Score(argument: _decorum_reward_v1_ScoreRequest, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Scores a few texts. Fails fast: RESOURCE_EXHAUSTED with a pushback when the queue is full.
   * INVALID_ARGUMENT: a label that the model lacks, too many items, a text over the limits.
   */
  score(argument: _decorum_reward_v1_ScoreRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  score(argument: _decorum_reward_v1_ScoreRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  score(argument: _decorum_reward_v1_ScoreRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  score(argument: _decorum_reward_v1_ScoreRequest, callback: grpc.requestCallback<_decorum_reward_v1_ScoreResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Scores many texts; each request is answered once, in order. Waits where the queue is full.
   */
  ScoreStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_reward_v1_ScoreStreamRequest, _decorum_reward_v1_ScoreStreamResponse__Output>;
  ScoreStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_reward_v1_ScoreStreamRequest, _decorum_reward_v1_ScoreStreamResponse__Output>;
  /**
   * Scores many texts; each request is answered once, in order. Waits where the queue is full.
   */
  scoreStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_reward_v1_ScoreStreamRequest, _decorum_reward_v1_ScoreStreamResponse__Output>;
  scoreStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_reward_v1_ScoreStreamRequest, _decorum_reward_v1_ScoreStreamResponse__Output>;
  
}

/**
 * A reward model: a sequence classifier. Its score is the raw logit of a label that the caller names.
 */
export interface RewardServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * The model, its labels and the limits of this server.
   */
  GetInfo: grpc.handleUnaryCall<_decorum_reward_v1_GetInfoRequest__Output, _decorum_reward_v1_GetInfoResponse>;
  
  /**
   * Scores a few texts. Fails fast: RESOURCE_EXHAUSTED with a pushback when the queue is full.
   * INVALID_ARGUMENT: a label that the model lacks, too many items, a text over the limits.
   */
  Score: grpc.handleUnaryCall<_decorum_reward_v1_ScoreRequest__Output, _decorum_reward_v1_ScoreResponse>;
  
  /**
   * Scores many texts; each request is answered once, in order. Waits where the queue is full.
   */
  ScoreStream: grpc.handleBidiStreamingCall<_decorum_reward_v1_ScoreStreamRequest__Output, _decorum_reward_v1_ScoreStreamResponse>;
  
}

export interface RewardServiceDefinition extends grpc.ServiceDefinition {
  GetInfo: MethodDefinition<_decorum_reward_v1_GetInfoRequest, _decorum_reward_v1_GetInfoResponse, _decorum_reward_v1_GetInfoRequest__Output, _decorum_reward_v1_GetInfoResponse__Output>
  Score: MethodDefinition<_decorum_reward_v1_ScoreRequest, _decorum_reward_v1_ScoreResponse, _decorum_reward_v1_ScoreRequest__Output, _decorum_reward_v1_ScoreResponse__Output>
  ScoreStream: MethodDefinition<_decorum_reward_v1_ScoreStreamRequest, _decorum_reward_v1_ScoreStreamResponse, _decorum_reward_v1_ScoreStreamRequest__Output, _decorum_reward_v1_ScoreStreamResponse__Output>
}
