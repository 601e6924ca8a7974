// Original file: protos/decorum/policy/v1/policy_service.proto


/**
 * Asks for the model.
 */
export interface GetModelInfoRequest {
}

/**
 * Asks for the model.
 */
export interface GetModelInfoRequest__Output {
}
