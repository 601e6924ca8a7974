// Original file: protos/decorum/reward/v1/reward_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ReloadModelRequest as _decorum_reward_v1_ReloadModelRequest, ReloadModelRequest__Output as _decorum_reward_v1_ReloadModelRequest__Output } from '../../../decorum/reward/v1/ReloadModelRequest.ts';
import type { ReloadModelResponse as _decorum_reward_v1_ReloadModelResponse, ReloadModelResponse__Output as _decorum_reward_v1_ReloadModelResponse__Output } from '../../../decorum/reward/v1/ReloadModelResponse.ts';

/**
 * What an operator may do; apart from RewardService, so that who scores need not be allowed this.
 */
export interface RewardAdminServiceClient extends grpc.Client {
  /**
   * Loads the classifier's folder again and puts it in the old one's place between two batches: no call is lost, and each
   * is answered by the classifier that it met. FAILED_PRECONDITION: the folder cannot be served, the old one stays in service.
   */
  ReloadModel(argument: _decorum_reward_v1_ReloadModelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  ReloadModel(argument: _decorum_reward_v1_ReloadModelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  ReloadModel(argument: _decorum_reward_v1_ReloadModelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  ReloadModel(argument: _decorum_reward_v1_ReloadModelRequest, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Loads the classifier's folder again and puts it in the old one's place between two batches: no call is lost, and each
   * is answered by the classifier that it met. FAILED_PRECONDITION: the folder cannot be served, the old one stays in service.
   */
  reloadModel(argument: _decorum_reward_v1_ReloadModelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  reloadModel(argument: _decorum_reward_v1_ReloadModelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  reloadModel(argument: _decorum_reward_v1_ReloadModelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  reloadModel(argument: _decorum_reward_v1_ReloadModelRequest, callback: grpc.requestCallback<_decorum_reward_v1_ReloadModelResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * What an operator may do; apart from RewardService, so that who scores need not be allowed this.
 */
export interface RewardAdminServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Loads the classifier's folder again and puts it in the old one's place between two batches: no call is lost, and each
   * is answered by the classifier that it met. FAILED_PRECONDITION: the folder cannot be served, the old one stays in service.
   */
  ReloadModel: grpc.handleUnaryCall<_decorum_reward_v1_ReloadModelRequest__Output, _decorum_reward_v1_ReloadModelResponse>;
  
}

export interface RewardAdminServiceDefinition extends grpc.ServiceDefinition {
  ReloadModel: MethodDefinition<_decorum_reward_v1_ReloadModelRequest, _decorum_reward_v1_ReloadModelResponse, _decorum_reward_v1_ReloadModelRequest__Output, _decorum_reward_v1_ReloadModelResponse__Output>
}
