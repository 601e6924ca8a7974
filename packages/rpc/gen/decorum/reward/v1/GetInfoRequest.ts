// Original file: protos/decorum/reward/v1/reward_service.proto


/**
 * Asks for the model.
 */
export interface GetInfoRequest {
}

/**
 * Asks for the model.
 */
export interface GetInfoRequest__Output {
}
